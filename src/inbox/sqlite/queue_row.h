/*
 * queue_row.h - the row of a queue, inside a transaction: its stored state,
 * and where its unconfirmed messages are.
 */
#ifndef INBOX_SQLITE_QUEUE_ROW_H
#define INBOX_SQLITE_QUEUE_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/sqlite/writer.h"
#include "inbox/unconfirmed.h"

struct queue_row {
    int64_t id;                     /* 0: no row */
    struct unconfirmed unconfirmed; /* messages */
    int64_t newest_batch;           /* its first arrival; 0: none */
    enum haplo_compare compare;     /* of the given state with the stored one */
    struct haplo_slice stored;      /* copy from malloc(), if requested */
};

/* Reads the row of a queue, by its id unless that is 0, and compares the
 * stored state with a new one. If it is STALE and copy_stale is set, stored is
 * a copy to be freed. */
enum inbox_fault queue_row_read(struct writer *writer,
                                const struct inbox_queue *queue, uint64_t id,
                                struct haplo_slice state, bool copy_stale,
                                struct queue_row *row);

/* Writes the row with this state, and sets its id. */
enum inbox_fault queue_row_write(struct writer *writer,
                                 const struct inbox_queue *queue,
                                 struct queue_row *row,
                                 struct haplo_slice state);

#endif
