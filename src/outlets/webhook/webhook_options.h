/*
 * webhook_options.h - the options of the webhook outlet.
 */
#ifndef OUTLETS_WEBHOOK_OPTIONS_H
#define OUTLETS_WEBHOOK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/secret.h"

struct webhook_options {
    const char *url;                  /* where to send messages */
    bool allow_http;                  /* http to any host */
    unsigned batch;                   /* messages of a request */
    size_t batch_bytes_max;           /* of their bodies together */
    uint64_t connect_timeout_ms;      /* for name, TCP and TLS */
    uint64_t total_timeout_ms;        /* of a request, with its response */
    unsigned rate_limit;              /* requests a second; 0: no limit */
    const char *const *headers;       /* additional ones; NULL: none */
    const char *user;                 /* for basic authentication; NULL: none */
    const char *proxy;                /* its URL; NULL: none */
    const char *tls_ca_file;          /* PEM; NULL: the system's */
    const char *tls_certificate_file; /* PEM, the client's; NULL: none */
    const char *tls_key_file;         /* the same */
    struct secret_source signing_secret; /* one or two keys */
    struct secret_source secret_headers; /* additional ones, a line each */
    struct secret_source password;       /* of user */
    struct secret_source token;          /* bearer token */
};

#endif
