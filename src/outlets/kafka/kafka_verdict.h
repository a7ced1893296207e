/*
 * kafka_verdict.h - what an error of Kafka means for a message. Pure.
 */
#ifndef OUTLETS_KAFKA_VERDICT_H
#define OUTLETS_KAFKA_VERDICT_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "outlets/outlet.h"

/* True if the request is at fault: with one message in it, that message. */
bool kafka_error_is_of_request(rd_kafka_resp_err_t error);

/* What a delivery report means. is_single: its request had one message. */
enum outlet_verdict kafka_verdict(rd_kafka_resp_err_t error, bool is_single);

#endif
