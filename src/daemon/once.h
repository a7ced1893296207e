/*
 * once.h - `once` from the inside: what it keeps for each server and queue.
 *
 * once.c drains the queues and ends; once_give_up.c decides when a queue has
 * failed for good; once_outlets.c waits for the outlets; once_report.c shows
 * how far it is.
 */
#ifndef DAEMON_ONCE_H
#define DAEMON_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/once_report.h"
#include "daemon/session.h"

#define ONCE_ATTEMPTS_MAX 3
#define ONCE_WAIT_MAX_MS 60000

/* On a gather_queue. */
struct once_queue {
    struct gather_queue *queue;      /* whose it is */
    bool is_settled;                 /* drained, or given up */
    struct once_queue *next_settled; /* to be paused */
};

/* On a gather_server. */
struct once_server {
    struct gather_server *server; /* whose it is */
    struct once_queue *queues;    /* its part of all of them */
    size_t queue_count;           /* length of queues */
    uint64_t last_event_ms;       /* the loop's time */
    bool has_answered;            /* since it was DOWN last */
};

struct once {
    struct session session;           /* first: see once_of() */
    struct once_report report;        /* progress and table */
    uv_timer_t wake;                  /* carries out what events bring about */
    struct once_server *servers;      /* in the configuration's order; owned */
    size_t server_count;              /* length of servers */
    struct once_queue *queues;        /* the same; owned */
    size_t queue_count;               /* length of queues */
    struct once_queue *newly_settled; /* to be paused; a list */
    size_t settled_count;             /* queues */
    size_t failed_count;              /* queues and outlets */
    bool is_done;                     /* it has ended by itself */
};

/* The one whose gathering it is. */
struct once *once_of(struct gather *gather);

/* Events may only be read: what follows from them is done when this fires. */
void once_wake(struct once *once);

/* The queue is drained. Nothing if it is settled. */
void once_settle(struct once *once, struct once_queue *queue);

/* The queue is left as it is, for that reason. */
void once_give_up(struct once *once, struct once_queue *queue,
                  const char *text);

/* -- once_give_up.c ------------------------------------------------------- */

/* Each event of a queue or a server that may end queues without success. */
void once_note_failure(struct once *once, const struct haplo_event *event);

/* Gives up queues whose API keys their server's failed logins hold back. */
void once_give_up_held_back(struct once *once);

/* -- once_outlets.c ------------------------------------------------------- */

/* True if no outlet has anything left that it can do now. */
bool once_outlets_are_at_rest(const struct once *once);

/* Names those that have not caught up, with the reason, and counts them. */
void once_outlets_report(struct once *once);

/* An outlet's event. */
void once_outlets_note(struct once *once, const struct forwarder_event *event);

#endif
