/*
 * inbox_store.h - the operations that a database implements for an inbox, one
 * table per kind of database. A store is below the group commit and knows
 * nothing about waiting, limits and retries; the inbox above it knows nothing
 * about databases.
 *
 * All operations are called on the thread of the loop and do not block. Each
 * is completed by one callback, from the loop and never inside the call. There
 * is one group at a time; reads and other requests may be outstanding at the
 * same time.
 */
#ifndef INBOX_INBOX_STORE_H
#define INBOX_INBOX_STORE_H

#include "base/reason.h"
#include "inbox/inbox.h"
#include "inbox/inbox_fleet.h"
#include "inbox/inbox_task.h"

/* The outcome of a group. */
enum inbox_fault {
    INBOX_FINE,   /* committed and durable */
    INBOX_OUTAGE, /* nothing was stored: lock, disk, connection... */
    INBOX_PART,  /* nothing was stored, perhaps because of a single part, so the
                    others may succeed alone: no room, a constraint... */
    INBOX_NEVER, /* nothing was stored: a part can never be */
    INBOX_DOUBT  /* unknown; the next comparison of states will show */
};

/* A confirmed state to be stored. */
struct inbox_confirm {
    struct inbox_queue *queue;        /* whose state */
    struct haplo_slice state;         /* owned */
    size_t state_capacity;            /* of the memory behind state */
    uint64_t message_count;           /* messages confirmed by it; 0: all */
    enum haplo_compare compare;       /* what the transaction found */
    uint64_t queue_id;                /* of the queue's row; 0: none */
    STAILQ_ENTRY(inbox_confirm) link; /* in the group, or waiting */
};

STAILQ_HEAD(inbox_delivery_list, inbox_delivery);
STAILQ_HEAD(inbox_confirm_list, inbox_confirm);
STAILQ_HEAD(inbox_replace_list, inbox_replace);
STAILQ_HEAD(inbox_progress_list, inbox_progress);

/*
 * Everything that one transaction writes: confirms first, then replacements,
 * deliveries and progress.
 *
 * For each delivery and confirm, the store compares the state with the stored
 * one and writes only if it is CURRENT. It sets compare and queue_id; for a
 * delivery also first_arrival, last_arrival, stored_count, repeat_count and
 * mended_count, and if STALE also stored, a copy from malloc() that the inbox
 * frees. A replacement is compared by inbox_replace_compare(), and has a copy
 * likewise. For progress it sets outlet_id and stored_cursor. Progress that was
 * stored before, completely or in part, is not an error.
 */
struct inbox_group {
    struct inbox_delivery_list deliveries; /* in the order they came */
    struct inbox_confirm_list confirms;    /* at most one per queue */
    struct inbox_replace_list replaces;    /* at most one per queue */
    struct inbox_progress_list progress;   /* in the order they came */
    size_t part_count;                     /* parts in all four lists */
    size_t row_count;                      /* rows written, roughly */
    size_t bytes;                          /* bytes of bodies */
    enum inbox_fault fault;                /* set by the store */
    struct reason why;                     /* set by the store, unless FINE */
};

/* A request for the stored progress of an outlet, or for its lanes. The store
 * sets error and why, or the result, and calls done_cb. */
struct inbox_outlet_request {
    struct inbox_outlet *outlet;       /* the store sets id, is_by_queue and
                                          cursor, and is_new if there is no
                                          row */
    uint64_t start_ms;                 /* cursor without a row: see
                                          INBOX_START_NOW */
    const bool *slots;                 /* see inbox_outlet_lanes(); valid only
                                          inside the operation */
    struct inbox_deferred_lane *lanes; /* result, from malloc() */
    size_t lane_count;                 /* length of lanes */
    int error;                         /* 0 or HAPLO_E* */
    struct reason why;                 /* set on error */
    void (*done_cb)(struct inbox_outlet_request *request); /* of the inbox */
    inbox_outlet_opened_cb opened_cb;                      /* of the caller */
    inbox_lanes_cb lanes_cb;                               /* of the caller */
    void *data;                                            /* passed to those */
    void *memory;          /* used by the store */
    struct worker_job job; /* used by the store */
};

/* The first member of every store. */
struct inbox_store {
    struct inbox *inbox; /* its owner */
};

struct inbox_store_ops {
    /* Opens, creates or upgrades the database. Returns NULL if memory runs
     * out. Otherwise passes all stored queues to inbox_store_queue(), and then
     * calls inbox_store_opened(). */
    struct inbox_store *(*open)(uv_loop_t *loop, struct inbox *inbox,
                                const struct inbox_options *options);
    /* Then calls inbox_group_written(). */
    void (*write)(struct inbox_store *store, struct inbox_group *group);
    /* Then calls read->read_cb(). */
    void (*read)(struct inbox_store *store, struct inbox_read *read);
    void (*read_free)(struct inbox_read *read);
    /* Then call request->done_cb(). */
    void (*outlet_open)(struct inbox_store *store,
                        struct inbox_outlet_request *request);
    void (*lanes)(struct inbox_store *store,
                  struct inbox_outlet_request *request);
    /* Carries out the next step of a task, in one short transaction of its
     * own, and sets what inbox_task.h says. Several tasks may be outstanding.
     * Then calls inbox_task_stepped(). NULL: not supported. */
    void (*task)(struct inbox_store *store, struct inbox_task *task);
    /* See inbox_retain(). NULL: nothing is ever deleted. */
    void (*retain)(struct inbox_store *store, const char *const *outlets,
                   size_t outlet_count);
    /* See inbox_pause_retention(). NULL: it is the only process. */
    void (*pause_retention)(struct inbox_store *store, bool is_paused);
    /* Carry out inbox_fleet_ask(), inbox_refresh_start() and
     * inbox_shared_write(). Return 0, and then call inbox_fleet_replied(),
     * inbox_refreshed() or inbox_shared_written(); or HAPLO_ENOMEM. NULL: not
     * supported. */
    int (*fleet_ask)(struct inbox_store *store,
                     struct inbox_fleet_request *request);
    int (*refresh)(struct inbox_store *store, struct inbox_refresh *refresh);
    int (*shared_write)(struct inbox_store *store,
                        struct inbox_shared_write *write);
    /* Called when nothing is outstanding. Frees the store, then calls
     * inbox_store_closed(). */
    void (*close)(struct inbox_store *store);
};

/* Callbacks from a store to its inbox, on the thread of the loop */

/* Finds a queue, to get its names for messages and lanes, or adds it with this
 * state (copied; data NULL: none). NULL if memory runs out. */
struct inbox_queue *inbox_store_queue(struct inbox *inbox, uint64_t id,
                                      const char *server, const char *name,
                                      struct haplo_slice state);

/* What must be done with a replacement where this state is stored: CURRENT or
 * STORED: write it. STALE: leave it. Reads nothing but these. */
enum haplo_compare inbox_replace_compare(const struct inbox_replace *replace,
                                         struct haplo_slice stored);

/* On error, the store has freed itself, and the inbox closes. */
void inbox_store_opened(struct inbox *inbox, const char *uuid, int error,
                        const char *why);
void inbox_group_written(struct inbox *inbox);
void inbox_task_stepped(struct inbox_task *task);
void inbox_store_closed(struct inbox *inbox);

/* Like the callbacks of these. */
void inbox_fleet_replied(struct inbox *inbox,
                         struct inbox_fleet_request *request, int error,
                         const char *why);
void inbox_refreshed(struct inbox *inbox, struct inbox_refresh *refresh,
                     int error, const char *why);
void inbox_shared_written(struct inbox *inbox, struct inbox_shared_write *write,
                          int error, const char *why);

/* For a refresh: the stored state of a queue. */
int inbox_refresh_queue(struct inbox *inbox, uint64_t id, const char *server,
                        const char *name, struct haplo_slice state);

/* Another process may have stored messages. Never called inside an
 * operation. */
void inbox_store_changed(struct inbox *inbox);

/* The space for messages has become short, or is no longer: one line. */
void inbox_store_space(struct inbox *inbox, bool is_short, const char *why);

/* What is known of the disk has changed. */
void inbox_store_disk(struct inbox *inbox, const struct inbox_disk *disk);

/* Logs a warning. */
void inbox_warn(struct inbox *inbox, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same about outlets that are not in the configuration any more; names:
 * "a, b". */
void inbox_warn_removed(struct inbox *inbox, const char *names);

#endif
