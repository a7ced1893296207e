/*
 * queue_row.h - a queue's row, inside a transaction: what is stored as its
 * state, and where the messages are that it tells of.
 */
#ifndef INBOX_SQLITE_QUEUE_ROW_H
#define INBOX_SQLITE_QUEUE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/sqlite/writer.h"

#define QUEUE_ROW_UNKNOWN (-1)

struct queue_row {
    int64_t id;                 /* 0: there is no row */
    int64_t unconfirmed;        /* messages not known to be confirmed, at most;
                                   or unknown, with those of another inbox */
    int64_t unconfirmed_from;   /* arrival of the first of them; 0: unknown */
    int64_t newest_batch;       /* first arrival of it; 0: none */
    enum haplo_compare compare; /* of the given state with the stored one */
    struct haplo_slice stored; /* a copy, from malloc(), if that is asked for */
};

/* Reads the row of a queue, by its id if that is not 0, and compares what it
 * has stored with a new state. With compare STALE, where copy_stale is set,
 * stored is a copy to be freed. */
enum inbox_fault queue_row_read(struct writer *writer,
                                const struct inbox_queue *queue, uint64_t id,
                                struct haplo_slice state, bool copy_stale,
                                struct queue_row *row);

/* Writes the row, with this state, and sets its id. */
enum inbox_fault queue_row_write(struct writer *writer,
                                 const struct inbox_queue *queue,
                                 struct queue_row *row,
                                 struct haplo_slice state);

#endif
