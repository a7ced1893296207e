/*
 * endpoint.h - one server as seen from the network: its URL, the addresses of
 * its name, TLS settings and time limits.
 *
 * Names are resolved by uv_getaddrinfo() and pinned with CURLOPT_RESOLVE:
 * libcurl's own resolver thread would block the loop when a transfer is
 * cancelled.
 */
#ifndef HTTP_ENDPOINT_H
#define HTTP_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "http/client.h"

struct endpoint;

/* Reasons name these options as they are named here. */
struct endpoint_options {
    const char *url;   /* https://HOST[:PORT]; http to loopback */
    bool allow_http;   /* http to any host */
    const char *proxy; /* its URL; NULL or "": none, whatever the environment
                          says */
    const char *tls_ca_file;          /* PEM; NULL or "": the system's */
    const char *tls_certificate_file; /* PEM, the client's; NULL or "": none */
    const char *tls_key_file;         /* the same */
    unsigned in_flight_max;           /* transfers, and connections; 0: 1 */
    uint64_t connect_timeout_ms;      /* name, TCP and TLS */
    uint64_t first_byte_timeout_ms;   /* then, until the response begins */
    uint64_t stall_timeout_ms;        /* then, between any two bytes */
    uint64_t total_timeout_ms;        /* of all that together */
};

/* Copies the options. HAPLO_EINVAL with why set for a URL or a proxy that
 * cannot be used, HAPLO_ENOMEM. */
int endpoint_new(struct http_client *client,
                 const struct endpoint_options *options,
                 struct endpoint **result, struct reason *why);

/* No transfer may be in flight on it. Frees what it can now, and the rest when
 * an outstanding name look-up has ended. */
void endpoint_free(struct endpoint *endpoint);

#endif
