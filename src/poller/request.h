/*
 * request.h - one request of a queue in flight, with everything that it needs.
 * It is prepared from the name and the API key of the queue, so that an idle
 * queue keeps nothing else.
 *
 * The parser of a response is large, but most responses arrive in one piece.
 * So a request gets a parser only when its response begins. The next request
 * then reuses the same memory, while it is still in the CPU caches, however
 * many requests are in flight.
 */
#ifndef POLLER_REQUEST_H
#define POLLER_REQUEST_H

#include "base/reason.h"
#include "core/fetch_reply.h"
#include "core/mark_reply.h"
#include "haplopoll.h"
#include "http/transfer.h"
#include "poller/credentials.h"
#include "poller/dialect.h"
#include "poller/queue_settings.h"

/* Parses a response; pooled. */
struct reading {
    struct reading *next;            /* in the list of free ones */
    struct queue_settings *settings; /* of a fetch: held until it ends; NULL */
    union {
        struct fetch_reply fetch; /* queue FETCHING */
        struct mark_reply mark;   /* queue MARKING or LAST_MARKING */
    } reply;
};

/* Pooled. */
struct request {
    struct transfer transfer;
    struct haplo_queue *queue;      /* whose request */
    struct request *next;           /* in the list of free ones */
    struct credentials credentials; /* wiped on release */
    bool has_old_key;               /* the queue has a new key by now */
    struct reason why;              /* set by `reading` on error */
    struct reading *reading;        /* once the response has begun; or NULL */
    char path[DIALECT_PATH_SIZE];   /* of the fetch or the mark */
};

/* Gets a request for the queue; NULL if memory runs out. */
struct request *request_take(struct haplo_queue *queue);

/* Releases the request of the queue, which has ended or never started. */
void request_release(struct haplo_queue *queue);

/* Gets request->reading, when the response begins; NULL: out of memory. */
struct reading *request_read(struct request *request);

/* Sets path and credentials of its transfer. */
void request_aim(struct request *request, const struct dialect_path *path);

#endif
