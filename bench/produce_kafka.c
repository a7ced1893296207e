/*
 * produce_kafka.c - produces to topics of Kafka with an idempotent producer of
 * librdkafka, and waits for all delivery reports.
 */
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "produce.h"

#define FULL_MS 10    /* between looks at a full queue */
#define LAST_MS 60000 /* for the last reports */

static size_t reported;

static void on_report(rd_kafka_t *kafka, const rd_kafka_message_t *message,
                      void *data)
{
    (void)kafka;
    (void)data;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        produce_fail("report", rd_kafka_err2str(message->err));
    }
    reported++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char error[256];

    if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) !=
        RD_KAFKA_CONF_OK) {
        produce_fail("configuration", error);
    }
}

static rd_kafka_t *connect_to(const char *brokers)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char error[256];
    rd_kafka_t *kafka;

    set(conf, "bootstrap.servers", brokers);
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "partitioner", "murmur2_random");
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (kafka == NULL) {
        produce_fail("producer", error);
    }
    return kafka;
}

static rd_kafka_headers_t *headers_of(const struct produce_message *text)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(5);

    /* They fail only without memory, and then later calls do. */
    (void)rd_kafka_header_add(headers, "haplo-server", -1, "app1", -1);
    (void)rd_kafka_header_add(headers, "haplo-queue", -1, text->queue, -1);
    (void)rd_kafka_header_add(headers, "haplo-arrival", -1, text->arrival, -1);
    (void)rd_kafka_header_add(headers, "haplo-id", -1, text->id, -1);
    (void)rd_kafka_header_add(headers, "haplo-received-at", -1,
                              "2026-11-28T20:49:16Z", -1);
    return headers;
}

static void produce_one(rd_kafka_t *kafka, rd_kafka_topic_t *topic,
                        const struct produce *produce, size_t number)
{
    struct produce_message text;
    rd_kafka_headers_t *headers;
    rd_kafka_resp_err_t error;

    produce_message(produce, number, &text);
    headers = headers_of(&text);
    do {
        error = rd_kafka_producev(
            kafka, RD_KAFKA_V_RKT(topic),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(text.key, strlen(text.key)),
            RD_KAFKA_V_VALUE(produce->body, produce->body_size),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        (void)rd_kafka_poll(
            kafka, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? FULL_MS : 0);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        produce_fail("produce", rd_kafka_err2str(error));
    }
}

int main(int count, char **arguments)
{
    struct produce produce;
    rd_kafka_t *kafka;
    rd_kafka_topic_t *topic;

    produce_init(&produce, count, arguments);
    kafka = connect_to(produce.destination);
    topic = rd_kafka_topic_new(kafka, "haplo", NULL);
    produce_begin();
    for (size_t i = 0; i < produce.count; i++) {
        produce_one(kafka, topic, &produce, i);
    }
    if (rd_kafka_flush(kafka, LAST_MS) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        reported != produce.count) {
        produce_fail("flush", "not all messages were reported");
    }
    produce_end(&produce);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(kafka);
    produce_free(&produce);
    return 0;
}
