/*
 * inbox_store.h - one open inbox: its connection to SQLite, to be used by one
 * thread at a time. inbox_write.h writes through it.
 */
#ifndef SINKS_INBOX_STORE_H
#define SINKS_INBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "haplopoll.h"
#include "sinks/inbox_file.h"
#include "sinks/inbox_value.h"

/* How long one call waits for another program's lock. */
#define INBOX_BUSY_MS 2000

enum inbox_statement {
    INBOX_BEGIN,
    INBOX_COMMIT,
    INBOX_ROLLBACK,
    INBOX_ADD_MESSAGE,
    INBOX_CARRY_OVER,
    INBOX_TAKE_BACK,
    INBOX_FIND_LEFTOVERS,
    INBOX_RAISE_EPOCH,
    INBOX_STATEMENT_COUNT
};

struct inbox_store {
    char *path;                                      /* owned; for texts */
    sqlite3 *db;                                     /* */
    sqlite3_stmt *statements[INBOX_STATEMENT_COUNT]; /* prepared once */
    struct inbox_file_watch watch;              /* of the files beside it */
    char id_text[INBOX_DECODED_SIZE_MAX];       /* of the newest message */
    char datetime_text[INBOX_DECODED_SIZE_MAX]; /* the same */
    char why[HAPLO_TEXT_SIZE_MAX];              /* about the newest fault */
};

/* 0, or HAPLO_EINVAL, HAPLO_EBUSY, HAPLO_ENOMEM with why set and *out NULL.
 * Copies path. */
int inbox_store_open(const char *path, struct inbox_store **out, char *why,
                     size_t why_size);

/* Checkpoints, if no other program has the inbox open, and frees. */
void inbox_store_close(struct inbox_store *store);

/* Return 0, or HAPLO_ENOMEM to end the walk. Borrowed names. is_unconfirmed:
 * there are messages of that epoch, or carried over to the next. */
typedef int (*inbox_queue_cb)(void *data, const char *server, const char *queue,
                              uint64_t epoch, bool is_unconfirmed);

/* Calls back for each queue on record. 0, what queue_cb returned, or as
 * inbox_store_open(). */
int inbox_store_each_queue(struct inbox_store *store, inbox_queue_cb queue_cb,
                           void *data, char *why, size_t why_size);

#endif
