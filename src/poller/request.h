/*
 * request.h - one request of a queue under way, with all that it needs: made
 * ready out of the queue's name and API key, so that a queue at rest keeps
 * nothing but these.
 *
 * What reads an answer is large, and most answers arrive in one piece. So that
 * is taken only when the answer begins, and the next one gets the same memory,
 * warm in the caches, however many requests are under way.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "base/reason.h"
#include "core/fetch_reply.h"
#include "core/mark_reply.h"
#include "haplopoll.h"
#include "http/transfer.h"
#include "poller/credentials.h"

#define REQUEST_PATH_PREFIX "/api/haplo-integration-messages/poll/"
#define REQUEST_VERB_MAX "/fetch"

/* Reads an answer; kept and used again. */
struct reading {
    struct reading *next; /* in the list of free ones */
    union {
        struct fetch_reply fetch; /* queue FETCHING */
        struct mark_reply mark;   /* queue MARKING or LAST_MARKING */
    } reply;
};

/* Kept and used again. */
struct request {
    struct transfer transfer;       /* */
    struct haplo_queue *queue;      /* whose request */
    struct request *next;           /* in the list of free ones */
    struct credentials credentials; /* wiped when it is free */
    bool has_old_key;               /* the queue has a new one by now */
    struct reason why;              /* set by the reply on error */
    struct reading *reading;        /* once the answer has begun; or NULL */
    char path[sizeof REQUEST_PATH_PREFIX + (size_t)3 * HAPLO_NAME_SIZE_MAX +
              sizeof REQUEST_VERB_MAX];
};

/* A free one for the queue, or NULL: no memory. */
struct request *request_take(struct haplo_queue *queue);

/* The queue's request has ended, or has never begun. */
void request_give_back(struct haplo_queue *queue);

/* Its answer begins: request->reading, or NULL when there is no memory. */
struct reading *request_read(struct request *request);

/* What its transfer is to be: where to, with which key. */
void request_aim(struct request *request, const char *verb);

#endif
