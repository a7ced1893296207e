/*
 * once.h - the data that `once` keeps for each server and queue.
 *
 * once.c drains the queues and ends; once_give_up.c decides when a queue has
 * failed permanently; once_limit.c when it has done what there was, or the time
 * is up; once_outlets.c waits for the outlets; once_report.c shows the
 * progress.
 */
#ifndef DAEMON_ONCE_H
#define DAEMON_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/once/once_report.h"
#include "daemon/session.h"

#define ONCE_ATTEMPTS_MAX 3
#define ONCE_WAIT_MAX_MS 60000

/* Attached to a gather_queue. */
struct once_queue {
    struct gather_queue *queue;      /* its queue */
    struct once_queue *next_settled; /* to be paused */
    uint64_t left_count; /* messages that were unread after the first batch,
                            and still are */
    bool has_begun;      /* the first batch is marked: left_count is known */
    bool is_last_fetch;  /* one more, for messages not known to be marked */
    bool is_settled;     /* drained, done or given up */
};

/* Attached to a gather_server. */
struct once_server {
    struct gather_server *server; /* its server */
    struct once_queue *queues;    /* its part of the array of all */
    size_t queue_count;           /* length of queues */
    uint64_t last_event_ms;       /* in loop time */
    bool has_answered;            /* since it was last DOWN */
};

struct once {
    struct session session;      /* first: see once_of() */
    struct once_report report;   /* progress and table */
    uv_timer_t wake;             /* does the work that follows from events */
    struct once_server *servers; /* owned; in the order of the configuration */
    size_t server_count;         /* length of servers */
    struct once_queue *queues;   /* owned; likewise */
    size_t queue_count;          /* length of queues */
    struct once_queue *newly_settled; /* list of those to be paused */
    size_t settled_count;             /* queues */
    size_t failed_count;              /* failed queues and outlets */
    uint64_t max_time_ms;             /* --max-time; 0: no limit */
    uint64_t started_ms;              /* uv_hrtime() at the start */
    uv_timer_t limit;                 /* ends it after max_time_ms */
    bool is_done;                     /* it ended without a signal */
};

/* Schedules the work that follows from an event. */
void once_wake(struct once *once);

/* To be called when the queue is done. Does nothing if it is settled. */
void once_settle(struct once *once, struct once_queue *queue);

/* Gives up on the queue, for this reason. */
void once_give_up(struct once *once, struct once_queue *queue,
                  const char *text);

/* once_limit.c */

/* To be called for each confirmed mark: settles a queue that has stored all
 * that was there when it began. */
void once_note_mark(struct once *once, struct once_queue *queue,
                    const struct haplo_mark *mark);

/* Starts the timer for --max-time. */
void once_limit_start(struct once *once);

/* once_give_up.c */

/* To be called for events that may make queues fail. */
void once_note_failure(struct once *once, const struct haplo_event *event);

/* Gives up on queues whose API keys wait because of failed logins. */
void once_give_up_held_back(struct once *once);

/* once_outlets.c */

/* True if no outlet can do anything more now. */
bool once_outlets_are_at_rest(const struct once *once);

/* Reports outlets that have not caught up, with the reason; counts them. */
void once_outlets_report(struct once *once);

/* To be called for each event of an outlet. */
void once_outlets_note(struct once *once, const struct forwarder_event *event);

#endif
