/*
 * pg_progress.h - stores the progress of outlets, as part of a group.
 */
#ifndef INBOX_POSTGRES_PG_PROGRESS_H
#define INBOX_POSTGRES_PG_PROGRESS_H

#include <stddef.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_statement.h"

#define PG_PROGRESS_STATEMENT_COUNT_MAX 6

struct pg_progress {
    const char *schema; /* borrowed */
};

/* 0 or HAPLO_ENOMEM. Borrows the schema. */
int pg_progress_init(struct pg_progress *progress, const char *schema);
void pg_progress_free(struct pg_progress *progress);

/* Makes the statements that store all progress of the group; sets *count to
 * their number, at most PG_PROGRESS_STATEMENT_COUNT_MAX. They are executed in
 * the transaction of the group, and borrow from progress and group until it has
 * ended. 0 or HAPLO_ENOMEM. */
int pg_progress_prepare(struct pg_progress *progress, struct inbox_group *group,
                        struct pg_statement *statements, size_t *count);

/* The transaction was committed: sets outlet_id and stored_cursor from the
 * results of these statements. */
void pg_progress_written(struct pg_progress *progress,
                         struct inbox_group *group, PGresult *const *results);

#endif
