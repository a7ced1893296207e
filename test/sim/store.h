/*
 * store.h - what of an inbox survives the process: the messages, each queue's
 * state, and the outlets' progress, with transactions. store_type.c implements
 * its operations (inbox/inbox_store.h).
 *
 * Some inboxes are in order per queue only. What another process stores, and
 * what a commit of unknown outcome stores, may become visible to outlets later
 * than messages of other queues that arrived after it; but not later than the
 * next transaction that writes the row of the same queue, which must wait for
 * the first one.
 */
#ifndef TEST_SIM_STORE_H
#define TEST_SIM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "destination.h"
#include "haplopoll.h"
#include "remote.h"

struct inbox;
struct inbox_group;
struct inbox_outlet_request;
struct inbox_progress;
struct inbox_read;
struct process;
struct world;

struct store_row {
    struct message *message;
    struct remote_queue *queue;
    unsigned generation; /* of the message, when it was fetched */
    uint64_t arrival;
    uint64_t batch_first;   /* arrival */
    uint32_t batch_count;   /* that were stored of the batch */
    uint64_t fetched_at_ms; /* wall clock */
    uint64_t hash;          /* as outlets see it */
    uint64_t stored_ms;
    uint64_t visible_ms; /* to outlets; by queue, perhaps later */
    struct reach reach[DESTINATIONS_MAX]; /* by the destination's index */
};

/* An outlet's progress. */
struct store_outlet {
    bool is_there; /* it has a row */
    uint64_t cursor;
    uint64_t positions[REMOTE_QUEUES_MAX]; /* by queue: instead of that */
};

/* From one queue to one destination; the book's record. */
struct store_lane {
    size_t row_index;   /* the first that may not have been there */
    uint64_t last_told; /* arrival */
    uint64_t last_life; /* of the process that was told */
};

struct store_queue {
    const char *state; /* in the pool; NULL: none */
    size_t size;       /* of that */
};

struct backup;

struct store {
    struct world *world;
    unsigned index;
    char uuid[40];
    bool is_by_queue; /* in order per queue only */
    bool is_full;     /* nothing can be written */
    bool is_down;     /* out of reach */
    bool is_slow;
    unsigned config_number; /* version of its options */
    struct store_row *rows; /* owned */
    size_t row_count;
    size_t row_capacity;
    struct backup *backup; /* owned; or NULL */
    uint64_t last_arrival;
    struct store_queue queues[REMOTE_QUEUES_MAX]; /* by their index */
    uint64_t hidden_ms[REMOTE_QUEUES_MAX]; /* until when rows of it may be */
    struct store_outlet outlets[DESTINATIONS_MAX]; /* by their index */
    struct store_lane lanes[DESTINATIONS_MAX][REMOTE_QUEUES_MAX]; /* the same */
};

/* The id of the queue's row in the inbox; never 0. */
static inline uint64_t store_queue_id(const struct remote_queue *queue)
{
    return queue->index + 1;
}

/* The queue's stored state; empty if there is none. */
struct haplo_slice store_state(const struct store *store,
                               const struct remote_queue *queue);

/* Executes the whole group in one transaction. */
void store_commit(struct store *store, struct process *process,
                  struct inbox_group *group);

/* The first row with a later arrival; row_count if there is none. */
size_t store_row_after(const struct store *store, uint64_t arrival);

/* True if the outlet has passed the row. */
bool store_has_passed(const struct store *store, unsigned outlet,
                      const struct store_row *row);

/* True if the queue ever went to another host. The one before may still save
 * its progress: also after a drain, if that did not end in time. */
bool store_has_moved(const struct store *store, unsigned queue);

/* The row of that arrival; NULL if there is none. */
struct store_row *store_row(const struct store *store, uint64_t arrival);

/* Executes a part of a group. */
void store_write_progress(struct store *store, struct inbox_progress *progress);

/* Records the result that is reported to the process. */
void store_note_save(const struct store *store,
                     const struct inbox_progress *progress, bool has_failed);

/* The forwarder's queries (store_out.c). */
void store_read(struct store *store, struct inbox *inbox,
                struct inbox_read *read);
void store_open_outlet(const struct store *store,
                       struct inbox_outlet_request *request);
void store_find_lanes(const struct store *store, struct inbox *inbox,
                      struct inbox_outlet_request *request);

void store_free(struct store *store);

#endif
