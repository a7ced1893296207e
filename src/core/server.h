/*
 * server.h - the state machine of one server: circuit breaker, and silence
 * after a throttle. Pure: no I/O and no clock.
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
 * DOWN is about this server, as the configuration has it. SILENT is about the
 * actual server: all servers of its login group become SILENT together, and
 * they share one budget of failed logins. See login_group.h.
 *
 * No request is sent before it is known which group a server belongs to, that
 * is, before its host name has been looked up. If that fails, requests go one
 * at a time, and each looks up the name again.
 */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/login_group.h"
#include "core/queue.h"

/* A throttle ends when the count of failed logins expires. */
#define SERVER_SILENCE_MS LOGINS_EXPIRY_MS
#define SERVER_SILENCE_JITTER_MS 30000 /* random addition, at most */
#define SERVER_DOWN_MS 5000            /* first wait when the breaker opens */
#define SERVER_DOWN_MAX_MS 300000      /* longest wait */

struct server_policy {
    unsigned in_flight_max; /* see struct haplo_server_options */
    unsigned failed_logins_max;
    unsigned breaker_failures;
};

TAILQ_HEAD(queue_list, queue);

enum server_location {
    LOCATION_SOUGHT,  /* its host name is being looked up */
    LOCATION_UNKNOWN, /* no address has been found so far */
    LOCATION_KNOWN    /* its login group is the right one */
};

struct server {
    struct server_policy policy;
    enum haplo_server_state state; /* written only by server_enter() */
    enum server_location location; /* whether its login group is known */
    bool logins_held;              /* as reported: unproven keys wait */
    bool is_marked;                /* while its group is divided */
    bool in_mark_ring;             /* maintained by the scheduler */
    bool in_fetch_ring;            /* maintained by the scheduler */
    uint64_t mark_place;           /* in mark_ring, also while it may not log
                                      in; 0: none */
    uint64_t fetch_place;          /* the same of fetch_ring */
    struct heap_entry wait;        /* end of DOWN or SILENT */
    uint64_t due_ms;               /* of wait; HEAP_NEVER: none */
    unsigned in_flight;            /* requests in flight */
    unsigned failures;          /* consecutive failures that open the breaker */
    unsigned times_down;        /* DOWN in a row */
    int error;                  /* the newest failure; 0 after success */
    const struct queue *prover; /* the queue whose unproven key is tried */
    struct login_group *group;  /* its budget of failed logins */
    TAILQ_ENTRY(server) group_link;            /* in the group */
    struct login_site *sites[LOGIN_SITES_MAX]; /* that lead to it */
    unsigned site_count;                       /* of sites */
    struct queue_list marks;                   /* MARK_READY, key proven */
    struct queue_list unproven_marks;          /* the same, key not proven */
    struct queue_list fetches;                 /* READY, key proven */
    struct queue_list unproven_fetches;        /* READY, key not proven */
    TAILQ_ENTRY(server) mark_link;             /* in the scheduler's ring */
    TAILQ_ENTRY(server) fetch_link;            /* in the scheduler's ring */
};

/* Reports a change of the state, or that the logins of its group are held or
 * free again (then from is the current state). error: the failure that caused
 * it, or 0. */
typedef void (*server_trace_cb)(void *data, const struct server *server,
                                enum haplo_server_state from, int error);

/* A server in no group yet: see login_sites_place(). */
void server_init(struct server *server, const struct server_policy *policy);

/* To be called with the outcome of each request: 0 or HAPLO_E*. It may change
 * the count of the group, and THROTTLED the states of all servers in it. */
void server_answered(struct server *server, int error,
                     const struct step_context *context,
                     server_trace_cb trace_cb);

/* To be called when the wait of DOWN or SILENT is over: PROBING. */
void server_wait_over(struct server *server, const struct step_context *context,
                      server_trace_cb trace_cb);

/* To be called when the count of the group has changed: reports for its servers
 * that their logins are held (HAPLO_EREFUSED) or free again (0), if that is new
 * and they are not SILENT anyway. */
void server_tell_logins(const struct login_group *group,
                        const struct step_context *context,
                        server_trace_cb trace_cb);

/* True if the transition table has this edge. */
bool server_may_follow(enum haplo_server_state from,
                       enum haplo_server_state to);

/* True if another request may be sent now. */
bool server_has_slot(const struct server *server);

/* True if the budget of failed logins allows a request now, with a proven key
 * or an unproven one. */
static inline bool server_may_log_in(const struct server *server,
                                     bool key_proven)
{
    return key_proven ? server->group->may_use_proven
                      : server->group->may_prove;
}

/* True if this outcome shows that the server accepted the key. */
bool server_error_proves_key(int error);

#endif
