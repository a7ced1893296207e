/*
 * kafka_flight.c - sends the messages of a parcel, and completes it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "outlets/kafka/kafka_private.h"
#include "outlets/name_template.h"

#define KEY_SIZE_MAX (2 * HAPLO_NAME_SIZE_MAX + 2)

struct kafka_flight *kafka_flight_new(struct kafka *kafka,
                                      struct outlet_parcel *parcel)
{
    struct kafka_flight *flight =
        calloc(1, sizeof(*flight) + parcel->count * sizeof(flight->tickets[0]));

    if (flight == NULL || flight_init(&flight->state, parcel) != 0) {
        free(flight);
        return NULL;
    }
    flight->kafka = kafka;
    for (size_t i = 0; i < parcel->count; i++) {
        flight->tickets[i] = (struct kafka_ticket){flight, i};
    }
    TAILQ_INSERT_TAIL(&kafka->pending, flight, link);
    return flight;
}

/* All messages are sent, or the last one that will be. */
static void flight_end_sending(struct kafka_flight *flight)
{
    flight->state.is_sent = true;
    TAILQ_REMOVE(&flight->kafka->pending, flight, link);
    TAILQ_INSERT_TAIL(&flight->kafka->sent, flight, link);
}

/* Ends it with a message that cannot be sent. */
static void flight_stop(struct kafka_flight *flight,
                        enum outlet_verdict verdict, const struct reason *why)
{
    size_t index = flight->state.sent_count;

    flight_sent(&flight->state);
    flight_note(&flight->state, index, verdict, why);
    flight_end_sending(flight);
}

/* Returns false if there is no more room. */
static bool messages_send(struct kafka_flight *flight,
                          struct kafka_record *record,
                          struct message_headers *headers)
{
    const struct outlet_parcel *parcel = flight->state.parcel;

    while (flight->state.sent_count < parcel->count) {
        size_t index = flight->state.sent_count;
        struct reason why;
        bool is_full;
        enum outlet_verdict verdict;

        message_headers_set(headers, parcel, index, flight->kafka->inbox_uuid);
        record->body = parcel->messages[index].body;
        record->ticket = &flight->tickets[index];
        verdict = kafka_producer_send(flight->kafka->producer, record, &is_full,
                                      &why);
        if (is_full) {
            return false;
        }
        if (verdict != OUTLET_DELIVERED) {
            flight_stop(flight, verdict, &why);
            return true;
        }
        flight_sent(&flight->state);
    }
    flight_end_sending(flight);
    return true;
}

bool kafka_flight_send(struct kafka_flight *flight)
{
    struct kafka *kafka = flight->kafka;
    const struct inbox_message *first = &flight->state.parcel->messages[0];
    char topic[NAME_TEMPLATE_SIZE_MAX];
    char key[KEY_SIZE_MAX];
    struct message_headers headers = {.count = 0};
    struct kafka_record record = {.key = key, .headers = &headers};
    struct reason why;
    bool has_room = true;

    if (flight->deadline_ms == 0) {
        flight->deadline_ms =
            uv_now(kafka->timer.loop) + kafka->options->delivery_timeout_ms;
    }
    (void)name_template_write(topic, kafka->options->topic, &name_kafka_topic,
                              first->server, first->queue);
    (void)snprintf(key, sizeof(key), "%s/%s", first->server, first->queue);
    record.topic = kafka_topic_new(kafka->producer, topic, &why);
    if (record.topic == NULL) {
        flight_stop(flight, OUTLET_BROKEN, &why);
    } else {
        has_room = messages_send(flight, &record, &headers);
        kafka_topic_free(record.topic);
    }
    if (flight_is_over(&flight->state)) {
        kafka_flight_complete(flight);
    }
    return has_room;
}

void kafka_flight_complete(struct kafka_flight *flight)
{
    struct kafka *kafka = flight->kafka;
    struct outlet_parcel *parcel = flight->state.parcel;

    TAILQ_REMOVE(&kafka->sent, flight, link);
    flight_report(&flight->state);
    flight_free(&flight->state);
    free(flight);
    kafka_parcel_complete(kafka, parcel);
}

void kafka_flight_give_up(struct kafka_flight *flight,
                          enum outlet_verdict verdict, const char *why)
{
    if (!flight->state.is_sent) {
        flight_end_sending(flight);
    }
    flight_give_up(&flight->state, verdict, why);
    kafka_flight_complete(flight);
}
