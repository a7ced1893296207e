/*
 * inbox_store.h - what a kind of database does for an inbox: one operations
 * table for each kind. The store is below the group commit and knows nothing
 * of waiting, limits and retries; the inbox above it knows no database.
 *
 * All operations are called on the loop's thread and do not block. Each
 * answers once, from the loop, never inside the call. There is one group at a
 * time; reads and the other requests may be under way beside it.
 */
#ifndef INBOX_INBOX_STORE_H
#define INBOX_INBOX_STORE_H

#include "base/reason.h"
#include "inbox/inbox.h"

/* What became of a group. */
enum inbox_fault {
    INBOX_FINE,   /* committed, and durable */
    INBOX_OUTAGE, /* nothing of it is stored: lock, disk, connection ... */
    INBOX_PART,   /* nothing of it is stored, perhaps for the sake of one part,
                     and the others alone may be: no room, a constraint ... */
    INBOX_NEVER,  /* nothing of it is stored: a part can never be */
    INBOX_DOUBT   /* nobody can say: the next comparison of states tells */
};

/* A confirmed state that is to be stored. */
struct inbox_confirm {
    struct inbox_queue *queue;        /* whose state */
    struct haplo_slice state;         /* owned */
    uint64_t message_count;           /* that it confirms; 0: all there were */
    enum haplo_compare compare;       /* what the transaction found */
    uint64_t queue_id;                /* of the queue's row; 0: none */
    STAILQ_ENTRY(inbox_confirm) link; /* in the group, or waiting */
};

STAILQ_HEAD(inbox_delivery_list, inbox_delivery);
STAILQ_HEAD(inbox_confirm_list, inbox_confirm);
STAILQ_HEAD(inbox_replace_list, inbox_replace);
STAILQ_HEAD(inbox_progress_list, inbox_progress);

/*
 * What one transaction writes: confirms first, then replacements, deliveries
 * and progress.
 *
 * For each delivery and confirm the store compares the state with what is
 * stored, and writes only if it is CURRENT. It sets compare and queue_id; for a
 * delivery also first_arrival, stored_count, repeat_count, mended_count, and
 * where it is STALE stored, a copy from malloc(), which the inbox frees. For
 * progress it sets outlet_id and stored_cursor. Progress that was stored
 * before, in part or as a whole, is no error.
 */
struct inbox_group {
    struct inbox_delivery_list deliveries; /* in the order they came */
    struct inbox_confirm_list confirms;    /* at most one of a queue */
    struct inbox_replace_list replaces;    /* the same */
    struct inbox_progress_list progress;   /* in the order they came */
    size_t part_count;                     /* of all four */
    size_t row_count;                      /* about what it writes */
    size_t bytes;                          /* of bodies */
    enum inbox_fault fault;                /* set by the store */
    struct reason why;                     /* the same, unless FINE */
};

/* A request for an outlet's stored progress, and one for its lanes. The store
 * answers with done_cb after it has set error and why, or the result. */
struct inbox_outlet_request {
    struct inbox_outlet *outlet; /* whose; the store sets id and cursor, and
                                    is_new where there is no row */
    struct inbox_deferred_lane *lanes; /* lanes: the result, from malloc() */
    size_t lane_count;                 /* length of lanes */
    int error;                         /* 0 or HAPLO_E* */
    struct reason why;                 /* unless 0 */
    void (*done_cb)(struct inbox_outlet_request *request); /* the inbox's */
    inbox_outlet_opened_cb opened_cb;                      /* the caller's */
    inbox_lanes_cb lanes_cb;                               /* the same */
    void *data;                                            /* of those */
    void *memory;                                          /* the store's */
    struct worker_job job;                                 /* the same */
};

/* Every store begins with this. */
struct inbox_store {
    struct inbox *inbox; /* its owner */
};

struct inbox_store_ops {
    /* Opens, creates or upgrades the database. NULL: no memory, nothing
     * follows. Else answers inbox_store_opened(), before which it hands over
     * all stored queues by inbox_store_queue(). */
    struct inbox_store *(*open)(uv_loop_t *loop, struct inbox *inbox,
                                const void *options);
    /* Answers inbox_group_written(). */
    void (*write)(struct inbox_store *store, struct inbox_group *group);
    /* Answers read->read_cb(). */
    void (*read)(struct inbox_store *store, struct inbox_read *read);
    void (*read_free)(struct inbox_read *read);
    /* Answer request->done_cb(). */
    void (*outlet_open)(struct inbox_store *store,
                        struct inbox_outlet_request *request);
    void (*lanes)(struct inbox_store *store,
                  struct inbox_outlet_request *request);
    /* Nothing is under way. Frees the store; answers inbox_store_closed(). */
    void (*close)(struct inbox_store *store);
};

/* -- What a store tells its inbox, on the loop's thread -------------------- */

/* A queue's names, to be shown in messages and lanes: found, or added with
 * this state (copied; data NULL: none). NULL when there is no memory. */
struct inbox_queue *inbox_store_queue(struct inbox *inbox, uint64_t id,
                                      const char *server, const char *name,
                                      struct haplo_slice state);

/* On error the store has freed itself, and the inbox goes. */
void inbox_store_opened(struct inbox *inbox, const char *uuid, int error,
                        const char *why);
void inbox_group_written(struct inbox *inbox);
void inbox_store_closed(struct inbox *inbox);

/* A line for the log. */
void inbox_warn(struct inbox *inbox, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
