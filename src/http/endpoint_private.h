/*
 * endpoint_private.h - struct endpoint as the files of this folder see it.
 */
#ifndef HTTP_ENDPOINT_PRIVATE_H
#define HTTP_ENDPOINT_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "http/certificate_time.h"
#include "http/client_private.h"
#include "http/endpoint.h"
#include "http/url.h"

struct client_certificate;
struct resolver;

/* An endpoint's part of one multi handle. */
struct slot {
    struct multi *multi; /* shared with other endpoints */
    unsigned promised;   /* connections */
    unsigned easy_count; /* easy handles set up to use it */
};

struct endpoint {
    struct http_client *client; /* borrowed */
    struct server_url url;      /* of the server */
    char *proxy;                /* owned, or NULL; may hold a password */
    struct host proxy_host;     /* where it is, if there is one */
    char *tls_ca_file;          /* owned; never NULL */
    struct client_certificate *certificate; /* to present; NULL: none */
    CURLSH *share;                      /* owned; TLS sessions; NULL: no TLS */
    uint64_t connect_timeout_ms;        /* as in the options */
    uint64_t first_byte_timeout_ms;     /* the same */
    uint64_t stall_timeout_ms;          /* the same */
    uint64_t total_timeout_ms;          /* the same */
    struct resolver *resolver;          /* of the peer's name; NULL: an address,
                                           or localhost */
    LIST_ENTRY(endpoint) resolver_link; /* among those of its resolver */
    endpoint_looked_up_cb looked_up_cb; /* or NULL */
    void *data;                         /* for it */
    struct easy_list warm;              /* free, and set up for this endpoint */
    struct peer_expiry expiry;          /* as last verified */
    unsigned busy_count;                /* transfers in flight */
    unsigned slot_count;                /* of slots */
    struct slot *slots;                 /* owned */
};

/* Where connections go: to the proxy or to the server. */
const struct host *endpoint_peer(const struct endpoint *endpoint);

/* True if there is a proxy that is reached over TLS. */
bool endpoint_has_tls_proxy(const struct endpoint *endpoint);

/* True if plain http goes through a proxy, which must be sent the whole
 * URL. */
bool endpoint_needs_whole_url(const struct endpoint *endpoint);

#endif
