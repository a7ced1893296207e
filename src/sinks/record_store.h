/*
 * record_store.h - one open record, an inbox or a ledger: its connection to
 * SQLite, to be used by one thread at a time. record_write.h writes through it.
 */
#ifndef SINKS_RECORD_STORE_H
#define SINKS_RECORD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "haplopoll.h"
#include "sinks/record_file.h"
#include "sinks/record_kind.h"

/* How long one call waits for another program's lock. */
#define RECORD_BUSY_MS 2000

enum record_statement {
    RECORD_BEGIN,
    RECORD_COMMIT,
    RECORD_ROLLBACK,
    RECORD_ADD_MESSAGE,
    RECORD_CARRY_OVER,
    RECORD_TAKE_BACK,
    RECORD_FIND_LEFTOVERS,
    RECORD_COUNT,
    RECORD_RAISE_EPOCH,
    RECORD_OUT,
    RECORD_FORGET,
    RECORD_STATEMENT_COUNT
};

struct record_store {
    const struct record_kind *kind;                   /* */
    char *path;                                       /* owned; for texts */
    sqlite3 *db;                                      /* */
    sqlite3_stmt *statements[RECORD_STATEMENT_COUNT]; /* prepared once, NULL
                                                         if not of its kind */
    struct record_file_watch watch; /* of the files beside it */
    char why[HAPLO_TEXT_SIZE_MAX];  /* about the newest fault */
    max_align_t scratch[];          /* the kind's */
};

/* 0, or HAPLO_EINVAL, HAPLO_EBUSY, HAPLO_ENOMEM with why set and *out NULL.
 * Copies path. */
int record_store_open(const struct record_kind *kind, const char *path,
                      struct record_store **out, char *why, size_t why_size);

/* Checkpoints, if no other program has it open, and frees. */
void record_store_close(struct record_store *store);

/* Return 0, or HAPLO_ENOMEM to end the walk. Borrowed names. is_unconfirmed:
 * there are messages of that epoch, or carried over to the next. */
typedef int (*record_queue_cb)(void *data, const char *server,
                               const char *queue, uint64_t epoch,
                               bool is_unconfirmed);

/* Calls back for each queue on record. 0, what queue_cb returned, or as
 * record_store_open(). */
int record_store_each_queue(struct record_store *store,
                            record_queue_cb queue_cb, void *data, char *why,
                            size_t why_size);

#endif
