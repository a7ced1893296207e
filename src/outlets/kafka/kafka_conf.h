/*
 * kafka_conf.h - the configuration of librdkafka for an outlet: what its
 * options ask for, and what the guarantee needs, which no option can change.
 */
#ifndef OUTLETS_KAFKA_CONF_H
#define OUTLETS_KAFKA_CONF_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "outlets/kafka/kafka.h"

/* The names behind options, in the order of their choices. */
extern const char kafka_compressions[];
extern const char kafka_mechanisms[];

/* Makes the configuration, without the secrets. is_single: each message is
 * sent in a request of its own. Returns 0, or HAPLO_E* with why set and *out
 * NULL. */
int kafka_conf_new(rd_kafka_conf_t **out, const struct kafka_options *options,
                   bool is_single, struct reason *why);

/* Reads the secrets and sets them. Returns 0, or HAPLO_E* with why set, which
 * never contains any part of one. */
int kafka_conf_add_secrets(rd_kafka_conf_t *conf,
                           const struct kafka_options *options,
                           struct reason *why);

#endif
