/*
 * poller.h - the library's objects from the inside. poller.c tells the story
 * of a batch; haplo_poller.c, haplo_server.c, haplo_queue.c and haplo_batch.c
 * are what the application sees of them.
 */
#ifndef POLLER_H
#define POLLER_H

#include <sys/queue.h>
#include <uv.h>

#include "core/batch.h"
#include "core/fetch_format.h"
#include "core/fetch_reply.h"
#include "core/mark_reply.h"
#include "core/reason.h"
#include "core/scheduler.h"
#include "haplopoll.h"
#include "io/endpoint.h"
#include "io/io.h"
#include "io/transfer.h"

#define container_of(pointer, type, field) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, field)))

/* One request under way; kept and used again. */
struct request {
    struct transfer transfer;  /* */
    struct haplo_queue *queue; /* whose request */
    struct request *next;      /* in the list of free ones */
    struct reason why;         /* set by the reply on error */
    union {
        struct fetch_reply fetch; /* queue FETCHING */
        struct mark_reply mark;   /* queue MARKING or LAST_MARKING */
    } reply;
};

struct haplo_queue {
    struct queue core;                  /* its state machine */
    struct haplo_server *server;        /* */
    TAILQ_ENTRY(haplo_queue) link;      /* among the server's queues */
    TAILQ_ENTRY(haplo_queue) gone_link; /* among those to be freed */
    char *name;                         /* owned */
    uint32_t name_hash;                 /* to find duplicates fast */
    char *fetch_path;                   /* owned */
    char *mark_path;                    /* owned */
    struct curl_slist *headers;         /* owned; carry the API key */
    struct curl_slist *next_headers;    /* a new key, for the next request */
    struct fetch_format *format;        /* owned, or the poller's default */
    size_t body_bytes_max;              /* */
    haplo_deliver_cb deliver_cb;        /* */
    haplo_marked_cb marked_cb;          /* or NULL */
    haplo_removed_cb removed_cb;        /* or NULL */
    bool is_removing;                   /* to be freed once PAUSED */
    bool is_gone;                       /* PAUSED, and in the list of those */
    void *data;                         /* the application's */
    struct request *request;            /* in flight, or NULL */
    struct haplo_batch *batch;          /* being read, or at hand; or NULL */
    size_t held_bytes;                  /* its part of scheduler.held_bytes */
    char *error_text;                   /* owned; the newest failure, or NULL */
    struct haplo_queue_stats stats;     /* the counters in it */
};

TAILQ_HEAD(haplo_queue_list, haplo_queue);

struct haplo_server {
    struct server core;              /* its state machine */
    struct haplo_poller *poller;     /* */
    TAILQ_ENTRY(haplo_server) link;  /* among the poller's servers */
    char *name;                      /* owned */
    void *data;                      /* the application's */
    struct endpoint *endpoint;       /* owned */
    struct haplo_queue_list queues;  /* owned */
    size_t queue_count;              /* */
    struct reason error_text;        /* the newest failure */
    struct haplo_server_stats stats; /* the counters in it */
};

enum poller_phase { POLLER_RUNNING, POLLER_STOPPING, POLLER_CLOSING };

struct haplo_poller {
    struct scheduler scheduler;          /* */
    uv_loop_t *loop;                     /* borrowed */
    uv_timer_t timer;                    /* the scheduler's next due time */
    uint64_t armed_ms;                   /* what it is set to; HEAP_NEVER */
    struct io *io;                       /* owned */
    enum poller_phase phase;             /* */
    bool is_pumping;                     /* poller_pump() is on the stack */
    bool has_stopped;                    /* stopped_cb has fired */
    TAILQ_HEAD(, haplo_server) servers;  /* owned */
    struct haplo_queue_list gone;        /* removed and PAUSED: to be freed */
    size_t server_count;                 /* */
    size_t queue_count;                  /* */
    size_t paused_count;                 /* queues that are PAUSED */
    struct request *free_requests;       /* kept for the next use */
    struct haplo_batch *free_batches;    /* kept for the next use */
    struct fetch_format *default_format; /* owned; shared by most queues */
    haplo_event_cb event_cb;             /* or NULL */
    haplo_stopped_cb stopped_cb;         /* or NULL */
    uint64_t stop_due_ms;                /* deadline of the drain */
    size_t batches_left;                 /* of those at the stop: open */
    haplo_close_cb close_cb;             /* or NULL */
    void *data;                          /* the application's */
};

/* Steps a queue and carries out what comes of it. May call the application
 * back (deliver_cb): touch neither queue nor batch after it. */
void poller_step(struct haplo_queue *queue, const struct queue_event *event);

/* Starts all that may start now, and sets the timer. Calls the application
 * back with events only: what is due waits for the timer. */
void poller_pump(struct haplo_poller *poller);

/* Cancels the request of the queue, if one is in flight. */
void poller_cancel_request(struct haplo_queue *queue);

/* One event that the application brings about, with all that follows. */
void poller_command(struct haplo_queue *queue, enum queue_event_kind kind);

/* Takes a queue with no request in flight from its server, and frees it. */
void object_free_queue(struct haplo_queue *queue);

/* Frees a server that has no queues and is in no list any more. */
void object_free_server(struct haplo_server *server);

#endif
