/*
 * inbox_purge.h - the erasure of messages that are about somebody or something:
 * which ones, and what became of them. The work is a task (inbox_task.h).
 *
 * Of each message, its bytes and everything that was derived from them are
 * deleted: its dead letters with their reasons, what outlets had deferred, the
 * copies in free pages and in the log of the database. A row of the table
 * `purged` takes its place, with its arrival, its key, the time and a reason,
 * so that its arrival and its identity stay explainable, and that it is
 * recognised if the server sends it again because its mark was lost.
 */
#ifndef INBOX_INBOX_PURGE_H
#define INBOX_INBOX_PURGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "core/json_select.h"
#include "haplopoll.h"

/* Steps of the work, in this order. */
enum inbox_purge_phase {
    INBOX_PURGE_SEARCH,  /* finds and deletes messages */
    INBOX_PURGE_RECLAIM, /* returns free pages, with copies from earlier */
    INBOX_PURGE_LOG      /* empties the log of the database */
};

struct inbox_purge {
    struct json_select *select; /* owned; the pointer; NULL: any message that
                                   the filter of the task takes */
    char *value;                /* owned; what must be there */
    const char *why;            /* borrowed; stored with each */
    /* Results: */
    uint64_t pending_count; /* deliveries that outlets had yet to make */
    uint64_t letter_count;  /* dead letters that were removed */
    uint64_t unread_count;  /* messages that contain the value, but are not
                               JSON, so that nobody knows where */
    bool is_log_left;       /* another program reads the database: its log
                               could not be emptied */
    /* For the store: */
    enum inbox_purge_phase phase; /* of the work */
    unsigned log_tries;           /* so far */
};

/* pointer NULL: all that the filter takes. Copies pointer and value, borrows
 * why. Returns 0, or HAPLO_EINVAL or HAPLO_ENOMEM with reason set. Must be
 * freed in either case. */
int inbox_purge_init(struct inbox_purge *purge, const char *pointer,
                     const char *value, const char *why, struct reason *reason);
void inbox_purge_free(struct inbox_purge *purge);

/* To be called when the work begins: resets the results. */
void inbox_purge_begin(struct inbox_purge *purge);

/* True if the value at the pointer is a string with this content, or a number,
 * true, false or null that is written like this. A message that is not JSON
 * does not match, and is counted if it contains the value. HAPLO_ENOMEM is
 * passed through *error. */
bool inbox_purge_matches(struct inbox_purge *purge, struct haplo_slice body,
                         int *error);

#endif
