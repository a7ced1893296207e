/*
 * server.h - the state machine of one server: breaker, silence, and the
 * budget of failed logins. Pure: no I/O, no clock.
 *
 *            failures in a row           time is up
 *       UP ---------------------> DOWN ------------> PROBING
 *        ^  \                       ^                 |  |  ^
 *        |   \ throttled            +-----------------+  |  | time is up
 *        |    +-----------------> SILENT <---------------+  |
 *        |                          |  +- throttled         |
 *        |                          +-----------------------+
 *        +------------------------------------------- answered (PROBING)
 *
 * DOWN and SILENT allow no request, PROBING one at a time. A request that was
 * under way when the breaker opened may still be answered: DOWN -> UP, or
 * DOWN -> SILENT.
 *
 * Logins: a server counts failed ones of a client address over all of its
 * applications and human users, and at 50 it refuses good keys, too. So keys
 * that it has not yet taken ("not proven") are tried one at a time, and after
 * failed_logins_max failures in a row no further one is tried until a proven
 * key succeeds (that clears the server's count as well) or until its count
 * has run out by itself. A proven key may have been revoked, and others with
 * it: after twice failed_logins_max failures in a row proven ones wait, too.
 * The server counts on from one process of ours to the next, and so do we:
 * see server_recall_logins().
 */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/queue.h"

#define SERVER_SILENCE_MS                                                      \
    310000                             /* a throttle ends 300 s after the last \
                                          counted failure */
#define SERVER_SILENCE_JITTER_MS 30000 /* at most this much more */
#define SERVER_DOWN_MS 5000            /* first wait of an open breaker */
#define SERVER_DOWN_MAX_MS 300000      /* longest */

struct server_policy {
    unsigned in_flight_max;     /* see struct haplo_server_options */
    unsigned failed_logins_max; /* */
    unsigned breaker_failures;  /* */
};

TAILQ_HEAD(queue_list, queue);

struct server {
    struct server_policy policy;      /* */
    enum haplo_server_state state;    /* written by server_enter() alone */
    bool logins_held;                 /* the budget of failed logins is spent */
    bool in_mark_ring;                /* the scheduler's */
    bool in_fetch_ring;               /* the scheduler's */
    struct heap_entry wait;           /* end of DOWN or SILENT */
    struct heap_entry login_wait;     /* end of logins_held */
    uint64_t due_ms;                  /* of wait; HEAP_NEVER: none */
    uint64_t login_due_ms;            /* of login_wait; HEAP_NEVER: none */
    unsigned in_flight;               /* requests */
    unsigned failures;                /* of the connection kind, in a row */
    unsigned times_down;              /* in a row */
    unsigned failed_logins;           /* in a row */
    int error;                        /* the newest failure; 0 after success */
    const struct queue *prover;       /* whose unproven key is being tried */
    struct queue_list marks;          /* MARK_READY, key proven; in order */
    struct queue_list unproven_marks; /* MARK_READY, key not proven */
    struct queue_list fetches;        /* READY, key proven */
    struct queue_list unproven_fetches; /* READY, key not proven */
    TAILQ_ENTRY(server) mark_link;      /* in the scheduler's ring */
    TAILQ_ENTRY(server) fetch_link;     /* in the scheduler's ring */
};

/* One change of state, or of logins_held (then from is the state). error: the
 * failure that led to it, or 0. */
typedef void (*server_trace_cb)(void *data, const struct server *server,
                                enum haplo_server_state from, int error);

void server_init(struct server *server, const struct server_policy *policy);

/* Before the server is scheduled: goes on with the failed logins in a row that
 * an earlier process has counted, the newest of them age_ms ago. They are
 * forgotten where the server's own count has run out since. */
void server_recall_logins(struct server *server, unsigned failed_logins,
                          uint64_t age_ms, uint64_t now_ms);

/* What an answer, or the lack of one, tells of the server: error is 0 or the
 * HAPLO_E* of the request. */
void server_answered(struct server *server, int error,
                     const struct step_context *context,
                     server_trace_cb trace_cb);

/* The wait of DOWN or SILENT is over: PROBING. */
void server_wait_over(struct server *server, const struct step_context *context,
                      server_trace_cb trace_cb);

/* The server's own count of failed logins has run out. */
void server_login_wait_over(struct server *server,
                            const struct step_context *context,
                            server_trace_cb trace_cb);

/* True if the transition table has this edge. */
bool server_may_follow(enum haplo_server_state from,
                       enum haplo_server_state to);

/* True if one more request may go out now. */
bool server_has_slot(const struct server *server);

/* True if a request may go out now, as far as failed logins are concerned:
 * with a key that is proven, or with one that is not. */
bool server_may_log_in(const struct server *server, bool key_proven);

/* True if this request's end shows that the server took the key. */
bool server_error_proves_key(int error);

#endif
