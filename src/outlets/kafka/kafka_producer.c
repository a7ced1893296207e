#include "outlets/kafka/kafka_producer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "outlets/detached_call.h"
#include "outlets/kafka/kafka_conf.h"
#include "outlets/kafka/kafka_verdict.h"

#define FREE_MS 1000 /* to end in an orderly way */

struct kafka_producer {
    rd_kafka_t *kafka;       /* owned */
    rd_kafka_queue_t *queue; /* owned; its events */
    bool is_single;          /* one message per request */
    struct reason trouble;   /* newest trouble with a broker, or "" */
};

/* Creating */

/* Its lines would go to stderr. What matters comes as an event, too. */
static void on_log(const rd_kafka_t *kafka, int level, const char *facility,
                   const char *text)
{
    (void)kafka;
    (void)level;
    (void)facility;
    (void)text;
}

static int kafka_create(struct kafka_producer *producer,
                        const struct kafka_options *options, struct reason *why)
{
    rd_kafka_conf_t *conf;
    char error[HAPLO_TEXT_SIZE_MAX];
    int result = kafka_conf_new(&conf, options, producer->is_single, why);

    if (result != 0) {
        return result;
    }
    result = kafka_conf_add_secrets(conf, options, why);
    if (result != 0) {
        rd_kafka_conf_destroy(conf);
        return result;
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    producer->kafka =
        rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (producer->kafka == NULL) {
        rd_kafka_conf_destroy(conf);
        return reason_set(why, HAPLO_EINVAL,
                          "Kafka: no producer can be created: %s", error);
    }
    return 0;
}

int kafka_producer_new(struct kafka_producer **out,
                       const struct kafka_options *options, int descriptor,
                       bool is_single, struct reason *why)
{
    static const uint64_t one = 1; /* what an eventfd is written */
    struct kafka_producer *producer = calloc(1, sizeof(*producer));
    int result;

    *out = NULL;
    if (producer == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "Kafka: out of memory");
    }
    producer->is_single = is_single;
    result = kafka_create(producer, options, why);
    if (result != 0) {
        free(producer);
        return result;
    }
    producer->queue = rd_kafka_queue_get_main(producer->kafka);
    rd_kafka_queue_io_event_enable(producer->queue, descriptor, &one,
                                   sizeof(one));
    *out = producer;
    return 0;
}

/* On a thread of its own: librdkafka waits for its threads. */
static void on_free(void *data)
{
    struct kafka_producer *producer = data;

    (void)rd_kafka_purge(producer->kafka,
                         RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_queue_destroy(producer->queue);
    rd_kafka_destroy(producer->kafka);
    free(producer);
}

static void on_drop(void *data)
{
    (void)data; /* on_free() has freed it */
}

void kafka_producer_free(struct kafka_producer *producer,
                         const atomic_bool *is_ending)
{
    const struct detached_call call = {
        .run = on_free, .drop = on_drop, .data = producer};

    rd_kafka_queue_io_event_enable(producer->queue, -1, NULL, 0);
    if (detached_call_run(&call, is_ending, FREE_MS) == HAPLO_ENOMEM) {
        on_free(producer);
    }
}

/* Sending */

/* Only a pointer: it is librdkafka's. */
static rd_kafka_topic_t *rd_topic(struct kafka_topic *topic)
{
    return (rd_kafka_topic_t *)topic;
}

struct kafka_topic *kafka_topic_new(struct kafka_producer *producer,
                                    const char *name, struct reason *why)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->kafka, name, NULL);

    if (topic == NULL) {
        (void)reason_set(why, HAPLO_EINVAL, "topic %s: %s", name,
                         rd_kafka_err2str(rd_kafka_last_error()));
    }
    return (struct kafka_topic *)topic;
}

void kafka_topic_free(struct kafka_topic *topic)
{
    if (topic != NULL) {
        rd_kafka_topic_destroy(rd_topic(topic));
    }
}

/* NULL if memory runs out. */
static rd_kafka_headers_t *headers_new(const struct message_headers *headers)
{
    rd_kafka_headers_t *list = rd_kafka_headers_new(headers->count);

    for (size_t i = 0; i < headers->count && list != NULL; i++) {
        if (rd_kafka_header_add(list, headers->list[i].name, -1,
                                headers->list[i].value,
                                -1) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            rd_kafka_headers_destroy(list);
            list = NULL;
        }
    }
    return list;
}

/* RD_KAFKA_RESP_ERR__NO_ERROR: its report will come. */
static rd_kafka_resp_err_t record_produce(struct kafka_producer *producer,
                                          const struct kafka_record *record)
{
    rd_kafka_headers_t *headers = headers_new(record->headers);
    /* NULL would be a tombstone. */
    const char *value = record->body.size > 0 ? record->body.data : "";
    rd_kafka_resp_err_t error;

    if (headers == NULL) {
        return RD_KAFKA_RESP_ERR__FAIL;
    }
    error = rd_kafka_producev(
        producer->kafka, RD_KAFKA_V_RKT(rd_topic(record->topic)),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(record->key, strlen(record->key)),
        RD_KAFKA_V_VALUE((void *)value, record->body.size), /* only read */
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(record->ticket),
        RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers); /* otherwise they are its own */
    }
    return error;
}

enum outlet_verdict kafka_producer_send(struct kafka_producer *producer,
                                        const struct kafka_record *record,
                                        bool *is_full, struct reason *why)
{
    rd_kafka_resp_err_t error = record_produce(producer, record);

    *is_full = error == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
        return OUTLET_DELIVERED;
    }
    if (error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
        (void)reason_set(why, 0,
                         "%zu bytes and headers exceed message.max.bytes: "
                         "raise it in properties, and at the brokers",
                         record->body.size);
        return OUTLET_REFUSED;
    }
    (void)reason_set(why, 0, "topic %s: %s",
                     rd_kafka_topic_name(rd_topic(record->topic)),
                     rd_kafka_err2str(error));
    return kafka_verdict(error, false);
}

void kafka_producer_stop(struct kafka_producer *producer)
{
    /* Fails for wrong arguments only. */
    (void)rd_kafka_purge(producer->kafka, RD_KAFKA_PURGE_F_QUEUE |
                                              RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* Events */

static void report_read(const struct kafka_producer *producer,
                        const rd_kafka_message_t *message,
                        const struct kafka_listener *listener)
{
    enum outlet_verdict verdict =
        kafka_verdict(message->err, producer->is_single);
    struct reason why;

    why.text[0] = '\0';
    if (verdict != OUTLET_DELIVERED) {
        (void)reason_set(&why, 0, "topic %s: %s",
                         rd_kafka_topic_name(message->rkt),
                         rd_kafka_err2str(message->err));
    }
    listener->reported(listener->data, message->_private, verdict,
                       kafka_error_is_of_request(message->err), &why);
}

static void reports_read(const struct kafka_producer *producer,
                         rd_kafka_event_t *event,
                         const struct kafka_listener *listener)
{
    const rd_kafka_message_t *message;

    while ((message = rd_kafka_event_message_next(event)) != NULL) {
        report_read(producer, message, listener);
    }
}

static void fatal_read(const struct kafka_producer *producer,
                       const struct kafka_listener *listener)
{
    char error[HAPLO_TEXT_SIZE_MAX] = "";
    struct reason why;

    (void)rd_kafka_fatal_error(producer->kafka, error, sizeof(error));
    (void)reason_set(&why, 0, "Kafka: %s", error);
    listener->failed(listener->data, OUTLET_RETRY, &why);
}

/* librdkafka reconnects by itself: most troubles pass. */
static void error_read(struct kafka_producer *producer, rd_kafka_event_t *event,
                       const struct kafka_listener *listener)
{
    rd_kafka_resp_err_t error = rd_kafka_event_error(event);

    if (error == RD_KAFKA_RESP_ERR__FATAL) {
        fatal_read(producer, listener);
        return;
    }
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        listener->unreachable(listener->data, &producer->trouble);
        return;
    }
    (void)reason_set(&producer->trouble, 0, "Kafka: %s",
                     rd_kafka_event_error_string(event));
    if (kafka_verdict(error, false) == OUTLET_BROKEN) {
        listener->failed(listener->data, OUTLET_BROKEN, &producer->trouble);
    }
}

void kafka_producer_poll(struct kafka_producer *producer,
                         const struct kafka_listener *listener)
{
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(producer->queue, 0)) != NULL) {
        switch (rd_kafka_event_type(event)) {
        case RD_KAFKA_EVENT_DR:
            reports_read(producer, event, listener);
            break;
        case RD_KAFKA_EVENT_ERROR:
            error_read(producer, event, listener);
            break;
        default:
            break; /* others are not enabled */
        }
        rd_kafka_event_destroy(event);
    }
}
