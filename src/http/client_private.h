/*
 * client_private.h - struct http_client as the files of this folder see it.
 */
#ifndef HTTP_CLIENT_PRIVATE_H
#define HTTP_CLIENT_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "base/name_table.h"
#include "http/client.h"

struct easy;
struct multi;
struct socket_watch;
struct trust;
struct client_certificate;

TAILQ_HEAD(easy_queue, easy);
LIST_HEAD(easy_list, easy);
TAILQ_HEAD(multi_list, multi);
LIST_HEAD(trust_list, trust);
LIST_HEAD(certificate_list, client_certificate);

struct http_client {
    uv_loop_t *loop;          /* borrowed */
    unsigned transfers_max;   /* bound of easy_count */
    unsigned easy_count;      /* easy handles in the pool and busy */
    struct easy_queue free;   /* least recently used first */
    struct easy_list busy;    /* each carries a transfer */
    struct easy_list expired; /* the same; about to end */
    uv_timer_t watchdog;      /* runs while there are busy ones */
    uint64_t watchdog_due_ms; /* WATCHDOG_NEVER: it does not run */
    struct multi_list multis; /* in order of creation */
    unsigned multi_count;     /* in multis */
    struct trust_list trusts; /* of the multis' CA files */
    struct certificate_list certificates; /* of the endpoints */
    struct name_table resolvers;          /* of the endpoints' names */
    struct socket_watch **watches;        /* by descriptor */
    size_t watch_slots;                   /* in that table */
    CURLSH *plain_share;                  /* owned; where there is no TLS */
    uint64_t connection_count;            /* sockets opened */
    size_t pending_count;                 /* handles and look-ups in the loop */
    bool is_unref;                 /* its handles do not keep the loop alive */
    bool is_closing;               /* http_client_close() was called */
    http_client_close_cb close_cb; /* or NULL */
    void *close_data;              /* its argument */
};

/* Every handle and look-up that the loop knows of holds the client. When
 * http_client_close() was called and the last hold is released, it is freed.
 */
void http_client_hold(struct http_client *client);
void http_client_release(struct http_client *client);

/* Whether a handle that is in use keeps the loop alive, as the client does. */
void http_client_ref_handle(const struct http_client *client,
                            uv_handle_t *handle);

/* A share of TLS sessions. Every easy handle has one, even where there is no
 * TLS: without it libcurl 7.88 would allocate a cache for the handle, and leak
 * that when the handle later gets a share. NULL: no memory. */
CURLSH *http_share_new(void);

/* NULL is ignored. No easy handle may still have it. */
void http_share_free(CURLSH *share);

#endif
