/*
 * webhook_private.h - shared by the parts of a webhook.
 */
#ifndef OUTLETS_WEBHOOK_PRIVATE_H
#define OUTLETS_WEBHOOK_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "http/client.h"
#include "http/endpoint.h"
#include "outlets/rate_limit.h"
#include "outlets/webhook/webhook.h"
#include "outlets/webhook/webhook_options.h"
#include "outlets/webhook/webhook_request.h"
#include "outlets/webhook/webhook_secrets.h"
#include "outlets/webhook/webhook_splits.h"
#include "outlets/webhook/webhook_url.h"

#define WEBHOOK_QUOTE_SIZE 1024 /* of a response's body is looked at */

/* A response may be longer; the rest is not read. */
#define WEBHOOK_RESPONSE_SIZE_MAX 65536

struct webhook;

enum webhook_post_state {
    WEBHOOK_POST_FREE,    /* has no parcel */
    WEBHOOK_POST_WAITING, /* for the rate limit */
    WEBHOOK_POST_SENDING, /* its request is in flight */
    WEBHOOK_POST_ENDED    /* its parcel is to be reported */
};

/* A parcel on its way, one request after the other. */
struct webhook_post {
    struct webhook *webhook;        /* its owner */
    enum webhook_post_state state;  /* see above */
    struct outlet_parcel *parcel;   /* NULL: free */
    size_t count;                   /* messages of the request */
    struct webhook_request request; /* its bytes */
    struct webhook_lines *lines;    /* the other headers, while in flight */
    struct transfer transfer;       /* the exchange */
    long status;                    /* of the response; 0: none yet */
    struct reason location;         /* of a redirect, or "" */
    char quote[WEBHOOK_QUOTE_SIZE]; /* the beginning of its body */
    size_t quote_size;              /* bytes in it */
    size_t response_size;           /* of its body so far */
    TAILQ_ENTRY(webhook_post) link; /* in webhook.waiting or webhook.ended */
};
TAILQ_HEAD(webhook_posts, webhook_post);

struct webhook {
    struct outlet outlet;          /* the first member */
    struct outlet_setting setting; /* a copy, which borrows its pointers */
    const struct webhook_options *options; /* the same as setting.options */
    struct webhook_url url;                /* owned */
    struct webhook_secrets secrets;        /* to sign and to log in with */
    struct http_client *client;            /* owned; its connections */
    struct endpoint *endpoint;             /* owned; the receiver */
    struct webhook_post *posts;            /* owned; one for each parcel */
    struct webhook_splits splits;          /* of batches that were refused */
    struct rate_limit limit;               /* of requests */
    struct webhook_posts waiting;          /* for the rate limit */
    struct webhook_posts ended;            /* to be reported from the loop */
    uv_timer_t timer;                      /* for both */
    bool is_closing;                       /* closed_cb is set */
    outlet_closed_cb closed_cb;            /* of close */
    void *closed_data;                     /* for closed_cb */
};

/* Takes a parcel, whose first request then waits for its turn. */
void webhook_post_begin(struct webhook_post *post,
                        struct outlet_parcel *parcel);

/* Sends the next request, now that the rate limit allows it. */
void webhook_post_send(struct webhook_post *post);

/* Ends it with RETRY, if it has not ended. */
void webhook_post_cancel(struct webhook_post *post);

/* Frees its memory. It must not be in flight. */
void webhook_post_free(struct webhook_post *post);

/* webhook.c */

/* See struct outlet_type. */
int webhook_open(const struct outlet_setting *setting, struct outlet **out,
                 struct reason *why);
void webhook_deliver(struct outlet *outlet, struct outlet_parcel *parcel);
void webhook_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                   void *data);

/* To be called from the loop: reports parcels that have ended, and sends
 * requests as far as the rate limit allows. */
void webhook_go_on(struct webhook *webhook);

#endif
