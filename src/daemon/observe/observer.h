/*
 * observer.h - what has happened to each queue, server, outlet and inbox: its
 * state, since when, why, when it last worked, and how often it has failed.
 * Logs, metrics, the API and the page all read it, so that they never disagree.
 *
 *   - observer_feed.c turns the events of poller, inboxes and forwarders into
 *     the notes below.
 *   - A note that changes a state is a transition. It is kept in a bounded
 *     history, one for all objects, and reported to the listeners.
 *   - Queues are counted by state as they change, and what they do is summed
 *     up, for each server and for all (observer_sums.c), so that nobody has to
 *     walk 100,000 queues or 20,000 servers to know.
 *
 * Pure: no I/O and no clock. All times are wall clock, Unix milliseconds, and
 * passed in. The objects belong to the gather that observes them; a queue that
 * has always worked costs 32 bytes.
 *
 * States are those that operators act upon, not each step of a poll: a queue
 * that is fetched every minute is WORKING all the time. A queue keeps its own
 * state while its server is down; untried_count has those that wait for it.
 */
#ifndef DAEMON_OBSERVER_H
#define DAEMON_OBSERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/name_table.h"
#include "daemon/observe/failure_class.h"
#include "daemon/observe/history.h"

/* -- States --------------------------------------------------------------- */

/* X(name, label, text). Labels are used in metrics and JSON. */
#define OBSERVER_QUEUE_MAP(X)                                         \
    X(STARTING, "starting", "has not been polled yet")                \
    X(WORKING, "working", "is polled")                                \
    X(ELSEWHERE, "elsewhere", "is polled by another host")            \
    X(FAILING, "failing", "fails, and waits longer each time")        \
    X(UNDELIVERED, "undelivered", "its inbox cannot store its batch") \
    X(REFUSED, "refused", "the server refuses its API key")           \
    X(BLOCKED, "blocked", "its batch can never be stored")            \
    X(PAUSED, "paused", "is paused")                                  \
    X(HELD, "held", "cannot be polled until something is corrected")

enum observer_queue_state {
#define OBSERVER_QUEUE_ENUM(name, label, text) OBSERVER_QUEUE_##name,
    OBSERVER_QUEUE_MAP(OBSERVER_QUEUE_ENUM)
#undef OBSERVER_QUEUE_ENUM
        OBSERVER_QUEUE_STATE_COUNT
};

/* X(name, label, text). DOWN covers the library's DOWN and PROBING. */
#define OBSERVER_SERVER_MAP(X)                                        \
    X(UP, "up", "is in use")                                          \
    X(DOWN, "down", "fails: one request at a time finds out")         \
    X(SILENT, "silent", "refuses all logins: no request for a while") \
    X(HELD, "held", "cannot be used until its TLS files can be read") \
    X(ELSEWHERE, "elsewhere", "is polled by another host")

enum observer_server_state {
#define OBSERVER_SERVER_ENUM(name, label, text) OBSERVER_SERVER_##name,
    OBSERVER_SERVER_MAP(OBSERVER_SERVER_ENUM)
#undef OBSERVER_SERVER_ENUM
        OBSERVER_SERVER_STATE_COUNT
};

/* X(name, label, text). For outlets, and for single lanes of them. */
#define OBSERVER_OUTLET_MAP(X)                           \
    X(WORKING, "working", "forwards messages")           \
    X(WAITING, "waiting", "tries again later")           \
    X(BROKEN, "broken", "its destination does not work") \
    X(BLOCKED, "blocked", "a message was refused and holds up its queue")

enum observer_outlet_state {
#define OBSERVER_OUTLET_ENUM(name, label, text) OBSERVER_OUTLET_##name,
    OBSERVER_OUTLET_MAP(OBSERVER_OUTLET_ENUM)
#undef OBSERVER_OUTLET_ENUM
        OBSERVER_OUTLET_STATE_COUNT
};

/* X(name, label, text) */
#define OBSERVER_INBOX_MAP(X)                      \
    X(WORKING, "working", "stores messages")       \
    X(FAILING, "failing", "cannot store messages") \
    X(SHORT, "short", "its disk is nearly full: nothing is fetched")

enum observer_inbox_state {
#define OBSERVER_INBOX_ENUM(name, label, text) OBSERVER_INBOX_##name,
    OBSERVER_INBOX_MAP(OBSERVER_INBOX_ENUM)
#undef OBSERVER_INBOX_ENUM
        OBSERVER_INBOX_STATE_COUNT
};

/* "up" and "is in use". Static strings. */
const char *observer_queue_label(enum observer_queue_state state);
const char *observer_server_label(enum observer_server_state state);
const char *observer_server_text(enum observer_server_state state);
const char *observer_outlet_label(enum observer_outlet_state state);
const char *observer_outlet_text(enum observer_outlet_state state);
const char *observer_inbox_label(enum observer_inbox_state state);
const char *observer_inbox_text(enum observer_inbox_state state);

/* -- Objects -------------------------------------------------------------- */

/* What only an object has that was in trouble once. */
struct observer_trouble {
    uint64_t began_ms;  /* first failure since the last success; 0: none */
    uint64_t in_a_row;  /* failures since then */
    uint64_t newest_id; /* its newest transition; 0: none */
    int error;          /* of the newest failure: HAPLO_E*, or 0 */
    char *text;         /* owned; the newest cause, one line; or NULL */
    void *log;          /* the log's own; NULL: nothing */
    uint32_t failures[FAILURE_CLASS_COUNT]; /* since the start; saturate */
};

/* Embedded in its owner, of which there may be a million. */
struct observer_queue {
    struct observer_trouble *trouble; /* owned; NULL: never any */
    uint64_t since_ms;                /* when it entered the state */
    uint64_t success_ms;              /* it last worked; 0: not yet */
    uint32_t unread_count;            /* after its last mark, where known */
    enum observer_queue_state state;  /* see above */
};

/* What the queues of one server, or of all, are in and have done. */
struct observer_sums {
    size_t queue_counts[OBSERVER_QUEUE_STATE_COUNT]; /* queues by state */
    uint64_t failures[FAILURE_CLASS_COUNT];          /* since the start */
    uint64_t batch_count;                            /* fetched with messages */
    uint64_t message_count;                          /* in those */
    uint64_t stored_count;                           /* messages stored */
    uint64_t repeat_count;         /* messages that were stored before */
    uint64_t resend_count;         /* stored once more; see resends.h */
    uint64_t marked_batch_count;   /* confirmed */
    uint64_t marked_message_count; /* in those */
    uint64_t unread_count;         /* left on the servers, where known */
};

struct observer_server {
    const char *name; /* borrowed */
    enum observer_server_state state;
    uint64_t since_ms;         /* when it entered the state */
    uint64_t success_ms;       /* one of its queues last worked; 0: none yet */
    uint64_t newest_id;        /* its newest transition; 0: none */
    int error;                 /* why it is not UP: HAPLO_E*, or 0 */
    char *text;                /* owned; the same, one line; or NULL */
    struct observer_sums sums; /* over its queues */
};

struct observer_outlet {
    const char *name; /* borrowed */
    enum observer_outlet_state state;
    uint64_t since_ms;   /* when it entered the state */
    uint64_t success_ms; /* a message was last delivered; 0: none yet */
    uint64_t newest_id;  /* its newest transition; 0: none */
    uint64_t failures[OBSERVER_OUTLET_STATE_COUNT]; /* times that it or a lane
                                                       entered the state */
    uint64_t refused_count;   /* messages that blocked or are dead letters */
    uint64_t delivered_count; /* messages, over restarts of the outlet */
    uint64_t delivered_now;   /* as it counts them, since it was restarted */
    char *text;               /* owned; why it does not work; or NULL */
};

/* A lane of an outlet, while it is in trouble. */
struct observer_lane {
    char *name;                       /* owned; "OUTLET: SERVER/QUEUE" */
    enum observer_outlet_state state; /* WAITING or BLOCKED */
    uint64_t since_ms;                /* when it entered the state */
    uint64_t began_ms;                /* when it stopped working */
    uint64_t in_a_row;                /* waits since then */
    uint64_t arrival;                 /* message that holds it; 0: unknown */
    char *text;                       /* owned; why */
    void *log;                        /* the log's own; NULL: nothing */
};

/* Upper bounds of the histogram of commits, in milliseconds; the last bucket
 * has none. */
#define OBSERVER_COMMIT_BOUNDS                         \
    {                                                  \
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000 \
    }
#define OBSERVER_COMMIT_BUCKET_COUNT 12

struct observer_inbox {
    const char *name; /* borrowed */
    enum observer_inbox_state state;
    uint64_t since_ms;            /* when it entered the state */
    uint64_t success_ms;          /* something was last stored; 0: not yet */
    uint64_t newest_id;           /* its newest transition; 0: none */
    char *text;                   /* owned; why it does not work; or NULL */
    uint64_t warning_count;       /* warnings since the start */
    uint64_t failed_commit_count; /* since the start */
    uint64_t commit_sum_us;       /* of all commits that succeeded */
    uint64_t commits[OBSERVER_COMMIT_BUCKET_COUNT]; /* by how long they took;
                                                       not cumulative */
};

/* -- Observer ------------------------------------------------------------- */

struct observer_listener;
struct observer_fleet; /* observer_fleet.h */

/* A transition was added to the history. It is borrowed and valid only during
 * the call, like the objects in it. */
typedef void (*observer_transition_cb)(struct observer_listener *listener,
                                       const struct transition *transition);

/* Embedded in its owner, which fills the first part. */
struct observer_listener {
    observer_transition_cb transition_cb; /* required */
    LIST_ENTRY(observer_listener) link;   /* in the list of the observer */
};

struct observer {
    struct observer_fleet *fleet;             /* owned; NULL: it is in none */
    uint64_t started_ms;                      /* of the process */
    struct history history;                   /* newest transitions */
    LIST_HEAD(, observer_listener) listeners; /* borrowed */
    struct name_table lanes;                  /* observer_lane; owned */
    struct observer_sums sums; /* over all servers, with those removed */
    size_t server_counts[OBSERVER_SERVER_STATE_COUNT]; /* by state */
    size_t untried_count;   /* queues with which nothing is wrong, on servers
                               that are not UP */
    uint64_t generation;    /* of the configuration; 1: as it started */
    uint64_t reloaded_ms;   /* last successful reload, or the start */
    uint64_t reject_count;  /* reloads rejected since the start */
    bool is_reload_failing; /* the last one was rejected */
};

void observer_init(struct observer *observer, uint64_t now_ms);
void observer_free(struct observer *observer);

/* Reports all transitions from now on, until observer_unlisten(). Borrows the
 * listener until then. */
void observer_listen(struct observer *observer,
                     struct observer_listener *listener);
void observer_unlisten(struct observer_listener *listener);

/* -- Notes ---------------------------------------------------------------- */

/* What a note says; all of it is borrowed during the call. */
struct observer_note {
    uint64_t now_ms;   /* when it happened */
    int error;         /* HAPLO_E*, or 0 */
    const char *text;  /* one line without secrets; NULL or "": none */
    uint64_t delay_ms; /* until the next attempt, or 0 */
    uint64_t arrival;  /* of a message of an outlet, or 0 */
};

/* A queue among the objects around it. */
struct observer_place {
    struct observer_server *server;
    struct observer_queue *queue;
    const char *name;  /* of the queue */
    const char *inbox; /* name of its inbox */
};

void observer_server_add(struct observer *observer,
                         struct observer_server *server, const char *name,
                         uint64_t now_ms);
/* What is removed while it is in trouble has one more transition, to "removed".
 * All queues of a server must have been removed before. */
void observer_server_remove(struct observer *observer,
                            struct observer_server *server);
void observer_queue_add(struct observer *observer,
                        const struct observer_place *place, uint64_t now_ms);
void observer_queue_remove(struct observer *observer,
                           const struct observer_place *place);
void observer_outlet_add(struct observer_outlet *outlet, const char *name,
                         uint64_t now_ms);
/* Forgets the troubles of its lanes: it starts again from what is stored. */
void observer_outlet_reset(struct observer *observer,
                           struct observer_outlet *outlet);
void observer_outlet_remove(struct observer *observer,
                            struct observer_outlet *outlet);
void observer_inbox_add(struct observer_inbox *inbox, const char *name,
                        uint64_t now_ms);
void observer_inbox_remove(struct observer *observer,
                           struct observer_inbox *inbox);

/* The queue works: it was drained, or a batch was marked. */
void observer_queue_worked(struct observer *observer,
                           const struct observer_place *place, uint64_t now_ms);

/* A fetch, delivery or mark failed, and the queue is in this state now.
 * OBSERVER_QUEUE_STATE_COUNT: its state is the same as before. */
void observer_queue_failed(struct observer *observer,
                           const struct observer_place *place,
                           enum observer_queue_state state,
                           const struct observer_note *note);

/* It was paused, resumed (STARTING), held or added (STARTING): no failure. A
 * note without a text is no transition: its cause is one of many queues, and
 * told elsewhere. */
void observer_queue_enter(struct observer *observer,
                          const struct observer_place *place,
                          enum observer_queue_state state,
                          const struct observer_note *note);

/* Something is worth knowing, but changes no state. */
void observer_queue_warn(struct observer *observer,
                         const struct observer_place *place,
                         const struct observer_note *note);

/* So many messages are left on the server. */
void observer_queue_unread(struct observer *observer,
                           const struct observer_place *place,
                           uint32_t unread_count);

/* Of a server: queues with which nothing is wrong, but which are not tried,
 * because it is not UP. */
size_t observer_untried_count(const struct observer_server *server);

/* What its queues have done, besides: so many messages were fetched in a batch,
 * were stored, had been stored before, were marked. */
void observer_fetched(struct observer *observer, struct observer_server *server,
                      size_t message_count);
void observer_stored(struct observer *observer, struct observer_server *server,
                     size_t stored_count, size_t repeat_count);
/* One of those that were stored had been confirmed before. */
void observer_resent(struct observer *observer, struct observer_server *server);
void observer_marked(struct observer *observer, struct observer_server *server,
                     size_t message_count);

void observer_server_enter(struct observer *observer,
                           struct observer_server *server,
                           enum observer_server_state state,
                           const struct observer_note *note);
/* Another host polls it from now on, or no longer. That is no transition: it is
 * told slot by slot, in observer_fleet.h; but trouble that it was in ends. */
void observer_server_move(struct observer *observer,
                          struct observer_server *server, bool is_elsewhere,
                          uint64_t now_ms);
void observer_server_warn(struct observer *observer,
                          struct observer_server *server,
                          const struct observer_note *note);

/* server and queue NULL: the whole outlet; otherwise one of its lanes. */
void observer_outlet_enter(struct observer *observer,
                           struct observer_outlet *outlet, const char *server,
                           const char *queue, enum observer_outlet_state state,
                           const struct observer_note *note);
/* Another host forwards this queue now, and shows what holds it up. */
void observer_outlet_forget_lane(struct observer *observer,
                                 struct observer_outlet *outlet,
                                 const char *server, const char *queue,
                                 const struct observer_note *note);
/* label: "dead_letter", "warning" or "replay". */
void observer_outlet_tell(struct observer *observer,
                          struct observer_outlet *outlet, const char *server,
                          const char *queue, const char *label,
                          const struct observer_note *note);

void observer_inbox_enter(struct observer *observer,
                          struct observer_inbox *inbox,
                          enum observer_inbox_state state,
                          const struct observer_note *note);
void observer_inbox_warn(struct observer *observer,
                         struct observer_inbox *inbox,
                         const struct observer_note *note);
void observer_inbox_committed(struct observer_inbox *inbox,
                              uint64_t duration_us);

/* The configuration was reloaded (note->error 0) or rejected. */
void observer_reloaded(struct observer *observer,
                       const struct observer_note *note);

/* The lane of an outlet, if it is in trouble; otherwise NULL. */
const struct observer_lane *observer_lane_find(const struct observer *observer,
                                               const char *outlet,
                                               const char *server,
                                               const char *queue);

#endif
