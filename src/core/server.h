/*
 * server.h - the state machine of one server: circuit breaker, silence after a
 * throttle, and the budget of failed logins. Pure: no I/O and no clock.
 *
 *            consecutive failures        wait over
 *       UP ---------------------> DOWN ------------> PROBING
 *        ^  \                       ^                 |  |  ^
 *        |   \ throttled            +-----------------+  |  | wait over
 *        |    +-----------------> SILENT <---------------+  |
 *        |                          |  +- throttled         |
 *        |                          +-----------------------+
 *        +----------------------------------------- responded (PROBING)
 *
 * DOWN and SILENT allow no requests, PROBING one at a time. A request that was
 * in flight when the breaker opened may still get a response: DOWN -> UP, or
 * DOWN -> SILENT.
 *
 * Logins: a server counts the failed logins of a client address, over all of
 * its applications and human users. At 50 it refuses valid keys as well. So
 * keys that it has not accepted yet ("not proven") are tried one at a time.
 * After failed_logins_max consecutive failures no further one is tried until a
 * proven key succeeds, which also clears the server's count, or until that
 * count has expired. A proven key may have been revoked, together with others:
 * after twice failed_logins_max consecutive failures, proven keys wait as
 * well. The server continues its count when our process restarts, and so do
 * we: see server_recall_logins().
 */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/queue.h"

/* A throttle ends 300 s after the last counted failure; a margin on top. */
#define SERVER_SILENCE_MS 310000
#define SERVER_SILENCE_JITTER_MS 30000 /* random addition, at most */
#define SERVER_DOWN_MS 5000            /* first wait when the breaker opens */
#define SERVER_DOWN_MAX_MS 300000      /* longest wait */

struct server_policy {
    unsigned in_flight_max; /* see struct haplo_server_options */
    unsigned failed_logins_max;
    unsigned breaker_failures;
};

TAILQ_HEAD(queue_list, queue);

struct server {
    struct server_policy policy;
    enum haplo_server_state state; /* written only by server_enter() */
    bool logins_held;              /* budget of failed logins exhausted */
    bool in_mark_ring;             /* maintained by the scheduler */
    bool in_fetch_ring;            /* maintained by the scheduler */
    struct heap_entry wait;        /* end of DOWN or SILENT */
    struct heap_entry login_wait;  /* end of logins_held */
    uint64_t due_ms;               /* of wait; HEAP_NEVER: none */
    uint64_t login_due_ms;         /* of login_wait; HEAP_NEVER: none */
    unsigned in_flight;            /* requests in flight */
    unsigned failures;          /* consecutive failures that open the breaker */
    unsigned times_down;        /* DOWN in a row */
    unsigned failed_logins;     /* consecutive */
    int error;                  /* the newest failure; 0 after success */
    const struct queue *prover; /* the queue whose unproven key is tried */
    struct queue_list marks;    /* MARK_READY, key proven; in order */
    struct queue_list unproven_marks;   /* MARK_READY, key not proven */
    struct queue_list fetches;          /* READY, key proven */
    struct queue_list unproven_fetches; /* READY, key not proven */
    TAILQ_ENTRY(server) mark_link;      /* in the scheduler's ring */
    TAILQ_ENTRY(server) fetch_link;     /* in the scheduler's ring */
};

/* Reports a change of the state, or of logins_held (then from is the current
 * state). error: the failure that caused it, or 0. */
typedef void (*server_trace_cb)(void *data, const struct server *server,
                                enum haplo_server_state from, int error);

void server_init(struct server *server, const struct server_policy *policy);

/* To be called before the server is scheduled: continues the count of
 * consecutive failed logins of an earlier process, the newest of which was
 * age_ms ago. Ignores them if the server's own count has expired since. */
void server_recall_logins(struct server *server, unsigned failed_logins,
                          uint64_t age_ms, uint64_t now_ms);

/* To be called with the outcome of each request: 0 or HAPLO_E*. */
void server_answered(struct server *server, int error,
                     const struct step_context *context,
                     server_trace_cb trace_cb);

/* To be called when the wait of DOWN or SILENT is over: PROBING. */
void server_wait_over(struct server *server, const struct step_context *context,
                      server_trace_cb trace_cb);

/* To be called when the server's own count of failed logins has expired. */
void server_login_wait_over(struct server *server,
                            const struct step_context *context,
                            server_trace_cb trace_cb);

/* True if the transition table has this edge. */
bool server_may_follow(enum haplo_server_state from,
                       enum haplo_server_state to);

/* True if another request may be sent now. */
bool server_has_slot(const struct server *server);

/* True if the budget of failed logins allows a request now, with a proven key
 * or an unproven one. */
bool server_may_log_in(const struct server *server, bool key_proven);

/* True if this outcome shows that the server accepted the key. */
bool server_error_proves_key(int error);

#endif
