/*
 * gather.h - the objects of a configuration at work: its inboxes, the outlets
 * that forward from them, and the poller with its servers and queues, all
 * found by name.
 *
 * A command can attach its own data to a server, queue or outlet, in
 * `command`.
 */
#ifndef DAEMON_GATHER_H
#define DAEMON_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "base/name_table.h"
#include "config/config.h"
#include "config/config_digest.h"
#include "daemon/gather/failed_logins.h"
#include "daemon/observe/observer.h"
#include "daemon/observe/outlet_lag.h"
#include "daemon/observe/resends.h"
#include "daemon/observe/timeline.h"
#include "fleet/placement.h"
#include "haplopoll.h"
#include "inbox/inbox.h"
#include "outlets/forwarder/forwarder.h"

struct gather;
struct gather_slots; /* gather_slots.h */
struct gather_slots_calls;
struct gather_delivery; /* a batch being stored in an inbox */
struct gather_hold;     /* a queue that cannot be polled: gather_holds.h */
struct pauses;          /* pauses.h */
struct telling;         /* telling.h */
struct key_commands;    /* key_commands.h */
struct reload_changes;  /* reload_change.h */

/* Messages that no outlet of an inbox forwards: gather_unrouted.h. */
struct gather_unrouted {
    uint64_t count;        /* since the start */
    uint64_t logged_count; /* the same in the last log line; 0: none yet */
    uint64_t logged_ms;    /* when that was, in loop time */
};

/*
 * A reload adds, replaces and removes objects while others are at work. One
 * that is changing is in the hands of the reload: see reload_change.h. The
 * pointers to the configuration may change with each reload; objects and their
 * names stay.
 */

struct gather_inbox {
    struct gather *gather;             /* its owner */
    char *name;                        /* owned */
    const struct config_inbox *config; /* borrowed */
    struct inbox *inbox;               /* NULL: not open */
    size_t user_count;                 /* queues and forwarders that use it */
    char *why;                         /* owned; why opening failed, or NULL */
    bool is_open;                      /* opening is complete */
    struct observer_inbox seen;        /* what happened to it */
    bool is_opening;                   /* or this will end */
    bool is_closing;                   /* while at work */
    bool is_changing;                  /* see above */
    struct gather_unrouted unrouted;   /* see above */
};

struct gather_outlet {
    struct gather *gather;              /* its owner */
    char *name;                         /* owned */
    const struct config_outlet *config; /* borrowed */
    struct gather_inbox *inbox;         /* the inbox it forwards from */
    struct forwarder *forwarder;        /* NULL: closed */
    struct observer_outlet seen;        /* what happened to it */
    struct outlet_lag lag;              /* how far it is behind */
    struct timeline timeline;           /* how that was in the last hours */
    bool is_closing;                    /* it is being closed for good */
    bool is_restarting;                 /* it is being closed, then started */
    bool is_changing;                   /* see above */
    struct forwarder_share share;       /* in a fleet: see gather_slots.h */
    uint8_t finishing[FLEET_SLOT_COUNT / 8]; /* the same; a bit for each slot
                                                that it has not drained yet */
};

/* The data of a haplo_server. */
struct gather_server {
    struct gather *gather;               /* its owner */
    char *name;                          /* owned */
    const struct config_server *config;  /* borrowed */
    struct haplo_server *server;         /* NULL: held, left, or elsewhere */
    char *why;                           /* owned; why it is held, or NULL */
    struct name_table queues;            /* struct gather_queue; owned */
    unsigned failed_logins;              /* consecutive, as in the file */
    struct observer_server seen;         /* what happened to it */
    bool is_changing;                    /* see above */
    unsigned slot;                       /* in a fleet: see gather_slots.h */
    bool is_own;                         /* the same: it belongs in the poller
                                            of this host */
    LIST_ENTRY(gather_server) slot_link; /* the same; in its list */
    void *command;                       /* the command's own, or NULL */
};

/* The data of a haplo_queue. There may be a million: it fits 88 bytes. */
struct gather_queue {
    const struct config_queue *config; /* borrowed */
    struct gather_server *server;      /* the server it belongs to */
    struct haplo_queue *queue;         /* NULL: held, left, or elsewhere */
    struct inbox_queue *stored;        /* its queue in the inbox; NULL: none
                                          while that is replaced */
    void *command;                     /* the command's own, or NULL */
    struct observer_queue seen;        /* what happened to it */
    uint64_t stored_count;             /* messages stored by this run */
    uint32_t repeat_count;    /* messages that had been stored before */
    uint32_t key_stamp : 30;  /* of the key when last read */
    uint32_t key_refused : 1; /* the last attempt was refused */
    uint32_t is_changing : 1; /* see above */
};

typedef void (*gather_cb)(struct gather *gather);

/* has_proven_key: the server had accepted the key that it left with. */
typedef void (*gather_left_cb)(struct gather_queue *queue, bool has_proven_key);

/* error: 0, or HAPLO_E* after the causes have been logged. */
typedef void (*gather_opened_cb)(struct gather *gather, int error);

/* The mark of a batch is confirmed. May call functions of the library. */
typedef void (*gather_marked_cb)(struct gather_queue *queue,
                                 const struct haplo_mark *mark);

typedef void (*gather_outlet_event_cb)(struct gather_outlet *outlet,
                                       const struct forwarder_event *event);

/* Options and callbacks of the owner. */
struct gather_options {
    const struct config_outlet
        *only_outlet;                      /* only forward to this one,
                                              poll nothing; NULL: everything */
    const struct config_inbox *only_inbox; /* only open this one; poll and
                                              forward nothing; NULL: no
                                              restriction */
    struct key_commands *key_commands;     /* run commands for keys; NULL if no
                                              queue is polled */
    bool has_pauses;       /* queues are paused while the disk of
                                                     their inbox is nearly full;
                                                     otherwise their batches fail */
    struct pauses *pauses; /* queues that operators have paused;
                              borrowed; NULL: pauses do not count */
    bool has_log; /* a listener of the observer logs what it hears, so that
                     it need not be logged here */
    gather_opened_cb opened_cb;             /* see gather_open() */
    haplo_event_cb event_cb;                /* events of servers and queues */
    gather_marked_cb marked_cb;             /* confirmed marks; or NULL */
    gather_outlet_event_cb outlet_event_cb; /* events of outlets */
    gather_cb drained_cb;                   /* see gather_close() */
    gather_cb inboxes_closed_cb;            /* see gather_close() */
    gather_cb held_cb;                      /* a queue is held now; or NULL */
    const struct telling *telling; /* in a fleet: instead of a file of failed
                                      logins; borrowed */
    const struct gather_slots_calls *fleet; /* who shares out the servers;
                                               borrowed; NULL: all are its
                                               own */
    void *data;                             /* for the owner */
};

enum gather_phase {
    GATHER_OPENING,         /* the inboxes are opening */
    GATHER_MOVING,          /* states are being moved */
    GATHER_OPEN,            /* at work, or failed to start: see opened_cb */
    GATHER_DRAINING,        /* no new fetches; batches are finished */
    GATHER_CLOSING_OUTLETS, /* outlets finish what is in flight */
    GATHER_CLOSING_INBOXES, /* batches of the poller still exist */
    GATHER_CLOSING_POLLER   /* the last step */
};

struct gather {
    const struct config *config;   /* borrowed */
    uv_loop_t *loop;               /* borrowed */
    struct gather_options options; /* of the owner; copied */
    enum gather_phase phase;       /* where it is between open and close */
    int error;                     /* first one while opening */
    size_t pending_count;          /* completions the phase waits for */
    struct haplo_poller *poller;   /* NULL: nothing is polled */
    struct name_table inboxes;     /* struct gather_inbox; owned */
    struct name_table outlets;     /* struct gather_outlet; owned */
    struct name_table servers;     /* struct gather_server; owned */
    size_t queue_count;            /* queues of all servers */
    struct gather_slots *slots;    /* NULL: it polls all servers */
    TAILQ_HEAD(gather_hold_list, gather_hold) holds; /* owned */
    size_t hold_count;                               /* length of holds */
    struct failed_logins failed_logins;              /* counted over all runs */
    struct observer observer; /* what has happened to all of these */
    struct resends resends;   /* messages that were sent again */
    struct timeline timeline; /* the last hours, over all of these */
    struct gather_delivery *free_deliveries; /* pool */
    size_t batches_left;            /* unconfirmed when the poller stopped */
    uint64_t deadline_ms;           /* for closing, in loop time */
    gather_cb closed_cb;            /* of gather_close() */
    gather_cb stirred_cb;           /* something that a reload may wait for has
                                       happened; or NULL */
    gather_left_cb left_cb;         /* a queue that is changing has left the
                                       poller; or NULL */
    struct reload_changes *changes; /* of a reload, for these two; or NULL */
    unsigned generation; /* of the configuration: 1 at the start, one more with
                            each reload that was not rejected */
    char digest[CONFIG_DIGEST_SIZE]; /* of the configuration; "": unknown */
    uint64_t configured_ms;          /* wall clock: start or last reload */
};

/* Opens the inboxes, then starts everything. Borrows loop and config, copies
 * options. opened_cb fires once, unless gather_close() is called first; it
 * fires inside this call only if memory runs out. gather_close() must follow
 * in any case. */
void gather_open(struct gather *gather, uv_loop_t *loop,
                 const struct config *config,
                 const struct gather_options *options);

/* Drains for at most deadline_ms. Then drained_cb fires (if it was opened),
 * while everything is still readable. Then the outlets finish what is in
 * flight, within the same deadline. Then the inboxes are closed and
 * inboxes_closed_cb fires: everything is stored. Then the poller is closed,
 * which waits for name look-ups, and closed_cb fires last, from the loop. A
 * second call ends the waiting. */
void gather_close(struct gather *gather, uint64_t deadline_ms,
                  gather_cb closed_cb);

/* For its parts: one of the operations in pending_count has completed. error:
 * 0, or HAPLO_E* with the cause logged. */
void gather_answered(struct gather *gather, int error);

/* The same: calls stirred_cb. */
void gather_stirred(struct gather *gather);

/* True if only one inbox or outlet is wanted. */
bool gather_is_restricted(const struct gather *gather);

/* NULL: there is no outlet with this name. */
struct gather_outlet *gather_find_outlet(const struct gather *gather,
                                         const char *name);
/* NULL: there is no open inbox with this name. */
struct inbox *gather_find_inbox(const struct gather *gather, const char *name);
struct gather_queue *gather_find_queue(const struct gather *gather,
                                       const char *server, const char *queue);

/* "example/student" */
#define GATHER_NAME_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)
const char *gather_queue_name(const struct gather_queue *queue,
                              char text[GATHER_NAME_SIZE]);

#endif
