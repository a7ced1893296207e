/*
 * nats.h - the outlet that publishes messages to a stream of NATS JetStream:
 * see haplo-nats(5).
 */
#ifndef OUTLETS_NATS_H
#define OUTLETS_NATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/outlet.h"
#include "outlets/secret.h"

struct nats_options {
    const char *const *urls;       /* servers; ends in NULL */
    const char *subject;           /* a template: name_template.h */
    const char *stream;            /* that stores the subjects; NULL: any */
    uint64_t ack_timeout_ms;       /* how long to wait for the stream */
    bool has_tls;                  /* TLS is required */
    bool allow_plaintext;          /* a password may be sent without TLS */
    const char *tls_ca_file;       /* PEM; NULL: the system's */
    const char *tls_certificate;   /* PEM of the client; or NULL */
    const char *tls_key;           /* its private key; or NULL */
    const char *user;              /* to log in; or NULL */
    struct secret_source password; /* of the user */
    struct secret_source token;    /* to log in with instead */
    const char *credentials_file;  /* JWT and seed of NATS; or NULL */
    const char *nkey;              /* public key of an nkey; or NULL */
    const char *nkey_seed_file;    /* its seed */
};

#define NATS_OPTION_COUNT 19
extern const struct option_row nats_option_rows[NATS_OPTION_COUNT];

/* See struct outlet_type. data: struct nats_options. */
int nats_check(const void *data, char *why, size_t why_size);

extern const struct outlet_type nats_outlet_type;

#endif
