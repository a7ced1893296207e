/*
 * endpoint_private.h - struct endpoint as the files of this directory see it.
 */
#ifndef HTTP_ENDPOINT_PRIVATE_H
#define HTTP_ENDPOINT_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "http/endpoint.h"
#include "http/io_private.h"
#include "http/place.h"

struct addresses;
struct lookup;

/* An endpoint's part of one multi handle. */
struct slot {
    struct multi *multi;     /* */
    unsigned promised;       /* connections */
    unsigned exchange_count; /* set up to use it */
};

struct endpoint {
    struct io *io;                  /* */
    CURLU *url;                     /* owned; scheme, host and port */
    char *base_url;                 /* owned; the same as text, no path */
    struct place target;            /* the server's */
    struct place proxy_place;       /* the proxy's, if there is one */
    char *proxy;                    /* owned, or NULL; may hold a password */
    bool is_tls;                    /* https */
    char *tls_ca_file;              /* owned; never NULL */
    char *tls_certificate_file;     /* owned, or NULL */
    char *tls_key_file;             /* owned, or NULL */
    CURLSH *share;                  /* owned; TLS sessions; NULL: http */
    uint64_t connect_timeout_ms;    /* */
    uint64_t first_byte_timeout_ms; /* */
    uint64_t stall_timeout_ms;      /* */
    uint64_t total_timeout_ms;      /* */
    struct addresses *addresses;    /* what the name stands for, or NULL */
    uint64_t fresh_until_ms;        /* then looked up again, behind the back */
    uint64_t usable_until_ms;       /* then transfers wait for that */
    struct lookup *lookup;          /* under way, or NULL */
    struct exchange_list warm;      /* free, and set up for this endpoint */
    unsigned busy_count;            /* transfers in flight */
    unsigned slot_count;            /* */
    struct slot *slots;             /* owned */
};

/* Where connections go: to the proxy or to the server. */
const struct place *endpoint_peer(const struct endpoint *endpoint);

/* True if plain http goes through a proxy, which must be told the whole
 * URL. */
bool endpoint_needs_whole_url(const struct endpoint *endpoint);

#endif
