/*
 * retention_step.h - one step of retention, on the writer's thread: a short
 * transaction that deletes some messages, or returns some free pages to the
 * file system. retention.h decides when the next one is due.
 */
#ifndef INBOX_SQLITE_RETENTION_STEP_H
#define INBOX_SQLITE_RETENTION_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/retention_rule.h"
#include "inbox/sqlite/writer.h"

#define RETENTION_NAMES_SIZE 256

struct retention_step {
    /* Set before the first step: */
    struct writer *writer;      /* its connection */
    uint64_t keep_ms;           /* retention period */
    bool keeps_latest;          /* the newest message of each object stays */
    const char *const *outlets; /* names of those that are configured */
    size_t outlet_count;        /* length of outlets */
    /* The pass, from the oldest batch to one that is too new: */
    int64_t batch_done; /* first arrival of the last batch that is done */
    int64_t row_done;   /* last arrival that was examined */
    int64_t rows_max;   /* per statement; adapts to what a row costs */
    /* The result: */
    bool has_more;          /* another step can do something now */
    enum inbox_fault fault; /* nothing was done; see writer->why */
    uint64_t deleted_count; /* messages, so far */
    char waits_for[RETENTION_NAMES_SIZE]; /* a configured outlet without
                                             progress, so nothing may go; or ""
                                           */
    char removed[RETENTION_NAMES_SIZE];   /* outlets with progress that are not
                                             configured; or "" */
};

/* Begins with the oldest batch again. */
void retention_step_rewind(struct retention_step *step);

void retention_step_run(struct retention_step *step);

#endif
