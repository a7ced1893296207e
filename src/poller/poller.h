/*
 * poller.h - the library's objects from the inside. poller.c tells the story
 * of a batch; haplo_poller.c, haplo_server.c, haplo_queue.c and haplo_batch.c
 * are what the application sees of them.
 */
#ifndef POLLER_H
#define POLLER_H

#include <sys/queue.h>
#include <uv.h>

#include "base/container_of.h"
#include "base/name_table.h"
#include "base/reason.h"
#include "core/batch.h"
#include "core/scheduler.h"
#include "haplopoll.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "poller/queue_settings.h"
#include "poller/request.h"

/* As in struct haplo_queue_stats. */
struct queue_counters {
    uint64_t fetch_count;          /* fetches begun */
    uint64_t batch_count;          /* whole batches with messages */
    uint64_t message_count;        /* in those */
    uint64_t marked_batch_count;   /* confirmed */
    uint64_t marked_message_count; /* in those */
    uint64_t body_bytes;           /* of fetched bodies, unpacked */
};

/* The same, of what is slowed down by waits. */
struct queue_mishaps {
    uint32_t failure_count;       /* fetches and marks that failed */
    uint32_t deliver_retry_count; /* answers haplo_batch_retry() */
    uint32_t foreign_mark_count;  /* marks that came after another consumer's */
};

/* All that an idle queue needs, in one block. There may be a million of them:
 * server and settings are found through the state machine, see server_of() and
 * settings_of(). */
struct haplo_queue {
    struct queue core;              /* its state machine */
    void *data;                     /* the application's */
    char *api_key;                  /* behind the name, or owned */
    struct haplo_batch *batch;      /* being read, or outstanding; or NULL */
    char *error_text;               /* owned; newest failure, or NULL */
    haplo_removed_cb removed_cb;    /* or NULL */
    struct request *request;        /* in flight, or NULL */
    struct queue_counters counters; /* since the start */
    struct queue_mishaps mishaps;   /* the same */
    bool is_removing;               /* to be freed once PAUSED */
    bool is_gone;                   /* PAUSED, and about to be freed */
    char name[]; /* and behind it the API key that it began with */
};

struct haplo_server {
    struct server core;              /* its state machine */
    struct haplo_poller *poller;     /* */
    TAILQ_ENTRY(haplo_server) link;  /* among the poller's servers */
    char *name;                      /* owned */
    void *data;                      /* the application's */
    struct endpoint *endpoint;       /* owned */
    struct name_table queues;        /* the owned queues */
    struct reason error_text;        /* the newest failure */
    struct haplo_server_stats stats; /* the counters in it */
};

enum poller_phase { POLLER_RUNNING, POLLER_STOPPING, POLLER_CLOSING };

struct haplo_poller {
    struct scheduler scheduler;         /* */
    uv_loop_t *loop;                    /* borrowed */
    uv_timer_t timer;                   /* the scheduler's next due time */
    uint64_t armed_ms;                  /* what it is set to; HEAP_NEVER */
    struct http_client *http;           /* owned */
    enum poller_phase phase;            /* */
    bool is_pumping;                    /* poller_pump() is on the stack */
    bool has_stopped;                   /* stopped_cb has fired */
    TAILQ_HEAD(, haplo_server) servers; /* owned */
    struct name_table server_names;     /* the same, by name */
    struct queue_list gone;             /* removed and PAUSED: to be freed */
    size_t server_count;                /* */
    size_t queue_count;                 /* */
    size_t paused_count;                /* queues that are PAUSED */
    struct request *free_requests;      /* kept for the next use */
    struct reading *free_readings;      /* the same */
    struct haplo_batch *free_batches;   /* the same */
    struct haplo_batch *free_tokens;    /* the same; batches without a body */
    struct queue_settings *settings; /* the newest of its queues'; borrowed */
    haplo_event_cb event_cb;         /* or NULL */
    haplo_stopped_cb stopped_cb;     /* or NULL */
    uint64_t stop_due_ms;            /* deadline of the drain */
    size_t batches_left;             /* of those at the stop: open */
    uint64_t next_salt;              /* of a state; begins at random */
    haplo_close_cb close_cb;         /* or NULL */
    void *data;                      /* the application's */
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

/* Steps a queue and carries out what comes of it. May call the application
 * back (deliver_cb): touch neither queue nor batch after it. */
void poller_step(struct haplo_queue *queue, const struct queue_event *event);

/* Starts all that may start now, and sets the timer. Calls the application
 * back with events only: what is due waits for the timer. */
void poller_pump(struct haplo_poller *poller);

/* The queue's batch was accepted: keeps no more than its token and state. */
void poller_accept(struct haplo_queue *queue);

/* Cancels the request of the queue, if one is in flight. */
void poller_cancel_request(struct haplo_queue *queue);

/* One event that the application brings about, with all that follows. */
void poller_command(struct haplo_queue *queue, enum queue_event_kind kind);

/* Goes through a server's queues, in no order; *cursor begins as 0. NULL at the
 * end. None may be added or freed meanwhile. */
struct haplo_queue *server_next_queue(const struct haplo_server *server,
                                      size_t *cursor);

/* What name tables know them by. */
const char *object_server_name(const void *server);
const char *object_queue_name(const void *queue);

/* Takes a queue with no request in flight from its server, and frees it. */
void object_free_queue(struct haplo_queue *queue);

/* Frees a server that has no queues and is in no list any more. */
void object_free_server(struct haplo_server *server);

#endif
