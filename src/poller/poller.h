/*
 * poller.h - the internals of the library's objects. Start reading in
 * poller.c, which describes the life of a batch; haplo_poller.c,
 * haplo_server.c, haplo_queue.c and haplo_batch.c implement the public
 * functions.
 */
#ifndef POLLER_POLLER_H
#define POLLER_POLLER_H

#include <sys/queue.h>
#include <uv.h>

#include "base/container_of.h"
#include "base/name_table.h"
#include "base/reason.h"
#include "core/batch.h"
#include "core/replay.h"
#include "core/scheduler.h"
#include "haplopoll.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "poller/dialect.h"
#include "poller/queue_settings.h"
#include "poller/request.h"

/* See struct haplo_queue_stats. */
struct queue_counters {
    uint64_t fetch_count;          /* fetches started */
    uint64_t batch_count;          /* complete batches with messages */
    uint64_t message_count;        /* in those */
    uint64_t marked_batch_count;   /* batches confirmed */
    uint64_t marked_message_count; /* in those */
    uint64_t body_bytes;           /* of fetched bodies, decompressed */
};

/* More counters, of events that waits make rare. */
struct queue_mishaps {
    uint32_t failure_count;       /* fetches and marks that failed */
    uint32_t deliver_retry_count; /* calls of haplo_batch_retry() */
    uint32_t foreign_mark_count;  /* marks preceded by another consumer's */
};

/* Everything that an idle queue needs, in one block, since there may be a
 * million of them. server_of() and settings_of() get server and settings
 * through the state machine. */
struct haplo_queue {
    struct queue core;              /* its state machine */
    void *data;                     /* the application's */
    char *api_key;                  /* in the same block after name, or owned */
    struct batch *batch;            /* being read, or outstanding; or NULL */
    char *error_text;               /* owned; the newest failure, or NULL */
    haplo_removed_cb removed_cb;    /* or NULL */
    struct request *request;        /* in flight, or NULL */
    struct queue_counters counters; /* since the queue was added */
    struct queue_mishaps mishaps;   /* since the queue was added */
    struct replay replay;           /* a batch that is held back, if any */
    bool is_removing;               /* to be freed once PAUSED */
    bool is_gone;                   /* PAUSED and about to be freed */
    char name[];                    /* followed by its first API key */
};

struct haplo_server {
    struct server core; /* its state machine */
    struct haplo_poller *poller;
    TAILQ_ENTRY(haplo_server) link;  /* in the list of the poller */
    char *name;                      /* owned */
    void *data;                      /* the application's */
    struct dialect dialect;          /* what its requests look like */
    struct endpoint *endpoint;       /* owned */
    bool has_fixed_sites;            /* whatever its addresses: location.h */
    struct name_table queues;        /* the owned queues */
    struct reason error_text;        /* the newest failure */
    struct haplo_server_stats stats; /* only its counters are used */
};

enum poller_phase { POLLER_RUNNING, POLLER_STOPPING, POLLER_CLOSING };

struct haplo_poller {
    struct scheduler scheduler;
    uv_loop_t *loop;          /* borrowed */
    uv_timer_t timer;         /* the scheduler's next due time */
    uint64_t armed_ms;        /* what it is set to; HEAP_NEVER: stopped */
    struct http_client *http; /* owned; NULL: closed */
    enum poller_phase phase;
    bool is_pumping;                    /* poller_pump() is on the stack */
    bool has_stopped;                   /* stopped_cb has fired */
    TAILQ_HEAD(, haplo_server) servers; /* owned */
    struct name_table server_names;     /* the servers by name */
    struct queue_list gone;             /* removed and PAUSED: to be freed */
    size_t server_count;
    size_t queue_count;
    size_t paused_count;             /* queues that are PAUSED */
    size_t lent_count;               /* batches that are to be answered */
    uint64_t newest_serial;          /* of a delivery */
    struct request *free_requests;   /* pool */
    struct reading *free_readings;   /* pool */
    struct batch *free_batches;      /* pool */
    struct batch *free_tokens;       /* pool of batches without a body */
    struct queue_settings *settings; /* borrowed; those of the newest queue */
    haplo_event_cb event_cb;         /* or NULL */
    const struct haplo_server *failing; /* the one whose request has failed */
    haplo_stopped_cb stopped_cb;        /* or NULL */
    uint64_t stop_due_ms;               /* deadline of the drain */
    uint64_t deadline_ms;      /* begin nothing from then on, by the boot clock;
                                  UINT64_MAX: none */
    size_t batches_left;       /* open batches when it was stopped */
    uint64_t next_salt;        /* for states; starts at random */
    uint64_t connection_count; /* opened, once http is closed */
    haplo_close_cb close_cb;   /* or NULL */
    void *data;                /* the application's */
};

static inline struct haplo_server *server_of(const struct haplo_queue *queue)
{
    return container_of(queue->core.server, struct haplo_server, core);
}

static inline struct queue_settings *settings_of(
    const struct haplo_queue *queue)
{
    return container_of(queue->core.policy, struct queue_settings, policy);
}

/* Steps a queue and performs the resulting action. May call deliver_cb: do not
 * touch queue or batch afterwards. */
void poller_step(struct haplo_queue *queue, const struct queue_event *event);

/* Starts all requests that may start now, and sets the timer. The only
 * callback it calls is event_cb; everything that is due waits for the timer. */
void poller_pump(struct haplo_poller *poller);

/* Does the same from the loop, where it is not allowed now. */
void poller_wake(struct haplo_poller *poller);

/* Closes the last handle of a closing poller, once it waits for nothing. */
void poller_close_timer(struct haplo_poller *poller);

/* Cancels the request of the queue, if it has one in flight. */
void poller_cancel_request(struct haplo_queue *queue);

/* Processes an event caused by the application, with its consequences. */
void poller_command(struct haplo_queue *queue, enum queue_event_kind kind);

/* Iterates over the queues of a server, in no particular order: start with
 * *cursor 0, until it returns NULL. Do not add or free queues in between. */
struct haplo_queue *server_next_queue(const struct haplo_server *server,
                                      size_t *cursor);

/* The name_of callbacks of the name tables. */
const char *object_server_name(const void *server);
const char *object_queue_name(const void *queue);

/* Takes a queue that is PAUSED out of its server and its poller. */
void poller_part_queue(struct haplo_queue *queue);

/* Frees a queue that has no request in flight, and what it owns. Its server may
 * be gone. */
void object_free_queue(struct haplo_poller *poller, struct haplo_queue *queue);

/* Releases settings that a queue or a reading has borrowed. */
void poller_release_settings(struct haplo_poller *poller,
                             struct queue_settings *settings);

/* Frees a server that has no queues and is in no list. */
void object_free_server(struct haplo_server *server);

#endif
