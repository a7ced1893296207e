/*
 * kafka_mock.c - librdkafka's mock cluster as a program of its own: brokers
 * that keep messages in memory. Prints their addresses as one line, then reads
 * commands, one a line, and responds "ok" or "error: REASON" to each:
 *
 *     topic NAME PARTITIONS   creates a topic
 *     down N                  broker N closes its port and its connections
 *     up N                    broker N is back
 *     refuse NAME CODE        metadata of the topic have this error; 0: none
 *     fail API CODE COUNT     the next requests of this API fail (0: produce)
 *     slow N MS               round trip time of broker N
 *
 * Ends with its input. usage: kafka-mock BROKERS
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 250
#define LINE_SIZE 512
#define FAIL_COUNT_MAX 1000

static rd_kafka_resp_err_t fail_push(rd_kafka_mock_cluster_t *cluster, int api,
                                     int code, int count)
{
    rd_kafka_resp_err_t errors[FAIL_COUNT_MAX];

    if (count < 0 || count > FAIL_COUNT_MAX) {
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
    }
    for (int i = 0; i < count; i++) {
        errors[i] = (rd_kafka_resp_err_t)code;
    }
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api,
                                            (size_t)count, errors);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t run(rd_kafka_mock_cluster_t *cluster,
                               const char *line)
{
    char name[NAME_SIZE];
    int a;
    int b;
    int c;

    if (sscanf(line, "topic %249s %d", name, &a) == 2) {
        return rd_kafka_mock_topic_create(cluster, name, a, 1);
    }
    if (sscanf(line, "down %d", &a) == 1) {
        return rd_kafka_mock_broker_set_down(cluster, a);
    }
    if (sscanf(line, "up %d", &a) == 1) {
        return rd_kafka_mock_broker_set_up(cluster, a);
    }
    if (sscanf(line, "refuse %249s %d", name, &a) == 2) {
        rd_kafka_mock_topic_set_error(cluster, name, (rd_kafka_resp_err_t)a);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (sscanf(line, "fail %d %d %d", &a, &b, &c) == 3) {
        return fail_push(cluster, a, b, c);
    }
    if (sscanf(line, "slow %d %d", &a, &b) == 2) {
        return rd_kafka_mock_broker_set_rtt(cluster, a, b);
    }
    return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static void serve(rd_kafka_mock_cluster_t *cluster)
{
    char line[LINE_SIZE];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        rd_kafka_resp_err_t error = run(cluster, line);

        (void)printf(error == RD_KAFKA_RESP_ERR_NO_ERROR ? "ok\n"
                                                         : "error: %s\n",
                     rd_kafka_err2str(error));
        (void)fflush(stdout);
    }
}

int main(int count, char **arguments)
{
    char error[LINE_SIZE];
    int broker_count = count == 2 ? atoi(arguments[1]) : 1;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *kafka;
    rd_kafka_mock_cluster_t *cluster;

    /* Without a warning that it has no brokers itself. */
    (void)rd_kafka_conf_set(conf, "log_level", "0", error, sizeof(error));
    kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (kafka == NULL) {
        (void)fprintf(stderr, "kafka-mock: %s\n", error);
        return EXIT_FAILURE;
    }
    cluster = rd_kafka_mock_cluster_new(kafka, broker_count);
    if (cluster == NULL) {
        (void)fprintf(stderr, "kafka-mock: no cluster\n");
        return EXIT_FAILURE;
    }
    (void)printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    (void)fflush(stdout);
    serve(cluster);
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(kafka);
    return EXIT_SUCCESS;
}
