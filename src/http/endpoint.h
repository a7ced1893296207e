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
struct host;

/* A look-up of the name has ended, and endpoint_addresses() may have changed;
 * or it takes longer than connect_timeout_ms. May not free endpoints, nor start
 * or cancel transfers. */
typedef void (*endpoint_looked_up_cb)(void *data);

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
    endpoint_looked_up_cb looked_up_cb; /* or NULL */
    void *data;                         /* for it */
};

/* Copies the options. HAPLO_EINVAL with why set for a URL or a proxy that
 * cannot be used, HAPLO_ENOMEM. */
int endpoint_new(struct http_client *client,
                 const struct endpoint_options *options,
                 struct endpoint **result, struct reason *why);

/* No transfer may be in flight on it. Frees what it can now, and the rest when
 * an outstanding name look-up has ended. */
void endpoint_free(struct endpoint *endpoint);

/* The server, as its URL names it. */
const struct host *endpoint_host(const struct endpoint *endpoint);

/* True if it is reached through a proxy. */
bool endpoint_has_proxy(const struct endpoint *endpoint);

/* The addresses to which connections go, of the server or of the proxy:
 * "192.0.2.1,[2001:db8::1]". NULL if they have not been looked up yet. Borrowed
 * until the next look-up. */
const char *endpoint_addresses(const struct endpoint *endpoint);

/* When the first certificate expires of those of the server, its own and
 * intermediate ones, with which it was verified when a connection was last
 * established without resuming a session, in Unix ms. 0: unknown, or no TLS to
 * the server. */
uint64_t endpoint_certificate_expires_ms(const struct endpoint *endpoint);

/* The same of the certificate in tls_ca_file, or in that of the system. 0 as
 * well if that is the server's own. */
uint64_t endpoint_ca_certificate_expires_ms(const struct endpoint *endpoint);

/* The same of tls_certificate_file, as it is presented now. 0: not
 * configured, or not read yet. */
uint64_t endpoint_client_certificate_expires_ms(
    const struct endpoint *endpoint);

/* Begins to look up the name, unless a look-up is outstanding; looked_up_cb
 * follows. Not if it is an address. 0, or HAPLO_ENOMEM and HAPLO_ERESOLVE:
 * nothing follows. */
int endpoint_look_up(struct endpoint *endpoint);

#endif
