/*
 * inbox_move.h - moves a whole inbox into a database of another kind: messages
 * with their arrivals, batches, the states of queues, how far outlets have got,
 * dead letters, replays, and what was purged. The types of inboxes know nothing
 * of each other: one is read as rows (struct inbox_source), the other one takes
 * them (struct inbox_sink). Blocks, so it is for processes without a loop.
 */
#ifndef INBOX_INBOX_MOVE_H
#define INBOX_INBOX_MOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "inbox/inbox.h"

/* Rows */

enum inbox_move_part {
    INBOX_MOVE_QUEUES,
    INBOX_MOVE_PURGED,
    INBOX_MOVE_MESSAGES,
    INBOX_MOVE_BATCHES,
    INBOX_MOVE_OUTLETS,
    INBOX_MOVE_POSITIONS,
    INBOX_MOVE_LETTERS,
    INBOX_MOVE_REPLAYS,
    INBOX_MOVE_PART_COUNT
};

#define INBOX_MOVE_COLUMNS_MAX 15

/*
 * The columns of each part, a letter for each: n is a number, t a text, b
 * bytes.
 *
 *   QUEUES     id, server, queue, unconfirmed, unconfirmed_from, newest_batch,
 *              last_arrival, state; unconfirmed, unconfirmed_from and
 *              newest_batch may be NULL
 *   PURGED     arrival, queue, at, why, key
 *   MESSAGES   arrival, queue, batch, position, format, body
 *   BATCHES    first_arrival, queue, count, format, fetched_at, stored_at,
 *              marked_at or NULL
 *   OUTLETS    id, name
 *   POSITIONS  outlet, queue, position; see struct inbox_outlet
 *   LETTERS    outlet, arrival, queue, why, attempts, at
 *   REPLAYS    id, outlet, queue, of_letters, new_identity, since, until,
 *              cursor, last, delivered, refused, state, created_at, changed_at,
 *              why
 */
extern const char *const inbox_move_columns[INBOX_MOVE_PART_COUNT];

struct inbox_move_value {
    bool is_null;             /* neither of these */
    int64_t number;           /* n */
    struct haplo_slice bytes; /* t and b; borrowed until the callback returns */
};

/* Takes a row of a part. Returns 0, or HAPLO_E* to end the reading. */
typedef int (*inbox_move_row_cb)(const struct inbox_move_value *row,
                                 void *data);

/* The source */

struct inbox_source;

struct inbox_source_ops {
    /* Reads the rows of a part; messages in the order of their arrivals, only
     * those above after. Returns 0, what row_cb has returned, or HAPLO_E* with
     * why set. */
    int (*read)(struct inbox_source *source, enum inbox_move_part part,
                uint64_t after, inbox_move_row_cb row_cb, void *data,
                struct reason *why);
    /* Remembers, durably, that everything is in the inbox with this UUID now.
     * From then on nothing can be stored here, and nobody can open it. Returns
     * 0, or HAPLO_E* with why set. */
    int (*leave)(struct inbox_source *source, const char *uuid,
                 struct reason *why);
    /* Frees it. Without leave(), nothing has changed. */
    void (*close)(struct inbox_source *source);
};

/* An inbox that nobody else can write to until it is closed. The type sets all
 * of it when it opens one. */
struct inbox_source {
    const struct inbox_source_ops *ops; /* of its type */
    char uuid[INBOX_UUID_SIZE];         /* of the inbox */
    char moved_to[INBOX_UUID_SIZE];     /* leave() was told; "": nothing */
    uint64_t highest_arrival;           /* that was ever used */
    uint64_t last_arrival;              /* that is stored */
    uint64_t highest_replay;            /* number that was ever used */
};

/* The sink */

struct inbox_sink;

struct inbox_sink_ops {
    /* Makes it the copy of this source, or goes on with that, so that nobody
     * opens it before finish(). Until put() is called for the next part, queues
     * that are put here get no state with which anything could be stored. */
    int (*begin)(struct inbox_sink *sink, const struct inbox_source *source,
                 struct reason *why);
    /* Adds a row, which is stored some time before the end of the part. What
     * is stored of PURGED, MESSAGES and BATCHES stays if this process dies. */
    int (*put)(struct inbox_sink *sink, enum inbox_move_part part,
               const struct inbox_move_value *row, struct reason *why);
    /* The part is complete. */
    int (*end)(struct inbox_sink *sink, enum inbox_move_part part,
               struct reason *why);
    /* What is put between these two replaces what an earlier attempt has put,
     * and becomes durable as a whole, after everything before it. */
    int (*seal)(struct inbox_sink *sink, struct reason *why);
    int (*sealed)(struct inbox_sink *sink, struct reason *why);
    /* Makes it an inbox like any other, with the UUID of the source. */
    int (*finish)(struct inbox_sink *sink, struct reason *why);
    /* Frees it. What is not complete, is dropped. */
    void (*close)(struct inbox_sink *sink);
};

enum inbox_sink_state {
    INBOX_SINK_EMPTY,   /* nothing was ever stored in it */
    INBOX_SINK_USED,    /* it is an inbox of its own */
    INBOX_SINK_PARTIAL, /* begin() was called, and finish() was not */
    INBOX_SINK_COMPLETE /* finish() was called */
};

/* How to open one; all borrowed. */
struct inbox_sink_order {
    const void *options;     /* of the type */
    const char *name;        /* of the inbox in the configuration */
    const char *owner;       /* how to connect as the role that owns its tables;
                                NULL: as the inbox does */
    const char *environment; /* in which it is used; "": none */
};

/* The type sets all of it when it opens one. */
struct inbox_sink {
    const struct inbox_sink_ops *ops; /* of its type */
    char uuid[INBOX_UUID_SIZE];       /* of the inbox, until finish() */
    char moved_from[INBOX_UUID_SIZE]; /* of the source of begin(); or "" */
    enum inbox_sink_state state;      /* see above */
    uint64_t copied_to;               /* PARTIAL: all messages up to it */
};

/* Moving */

struct inbox_move {
    const struct inbox_type *from;   /* type of the source; all borrowed */
    const void *from_options;        /* filled by its options */
    const struct inbox_type *to;     /* type of the target */
    struct inbox_sink_order to_open; /* how to open that */
    /* Called now and then while messages are copied; or NULL. */
    void (*progress_cb)(const struct inbox_move *move, void *data);
    void *data; /* for progress_cb */
    /* Results: */
    uint64_t counts[INBOX_MOVE_PART_COUNT]; /* rows; messages: by this call */
    uint64_t first_arrival;                 /* to be copied by this call */
    uint64_t at;                            /* copied up to here */
    uint64_t last_arrival;                  /* to be copied */
    bool is_resumed;                        /* an earlier call has begun it */
    bool was_moved;     /* an earlier call has copied everything */
    bool is_from_error; /* of a failure: it is in `from` */
};

/*
 * Moves an inbox that no process uses into one in which nothing was ever
 * stored. May be killed at any moment, and called again: each message is copied
 * once. At the end, the source refuses to be used. Returns 0, or HAPLO_E* with
 * why set, and then nothing is lost, nor is anything usable that is not
 * complete:
 *
 *   HAPLO_EEXIST   another process uses one of them
 *   HAPLO_EINVAL   one of them cannot be used like this, such as a target in
 *                  which something is stored
 *   others         a database has failed
 */
int inbox_move(struct inbox_move *move, struct reason *why);

#endif
