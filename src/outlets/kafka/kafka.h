/*
 * kafka.h - the outlet that produces messages to topics of Apache Kafka: see
 * haplo-kafka(5).
 */
#ifndef OUTLETS_KAFKA_H
#define OUTLETS_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/outlet.h"
#include "outlets/secret.h"

struct kafka_options {
    const char *const *brokers;            /* HOST:PORT; ends in NULL */
    const char *topic;                     /* a template: name_template.h */
    uint64_t delivery_timeout_ms;          /* how long delivery may take */
    int compression;                       /* index of its name */
    bool has_tls;                          /* TLS is used */
    bool allow_plaintext;                  /* a password may go without TLS */
    const char *tls_ca_file;               /* PEM; NULL: the system's */
    const char *tls_certificate;           /* PEM of the client; or NULL */
    const char *tls_key;                   /* its private key; or NULL */
    struct secret_source tls_key_password; /* of the private key */
    int sasl_mechanism;                    /* index of its name; 0: none */
    const char *user;                      /* to log in; or NULL */
    struct secret_source password;         /* of the user */
    const char *const *properties;         /* NAME=VALUE of librdkafka; NULL */
};

#define KAFKA_OPTION_COUNT 18
extern const struct option_row kafka_option_rows[KAFKA_OPTION_COUNT];

/* See struct outlet_type. data: struct kafka_options. */
int kafka_check(const void *data, char *why, size_t why_size);

extern const struct outlet_type kafka_outlet_type;

#endif
