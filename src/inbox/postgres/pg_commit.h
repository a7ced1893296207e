/*
 * pg_commit.h - the statements that write a group and end its transaction: rows
 * of queues, messages, batches, marks, progress, a notification and COMMIT.
 */
#ifndef INBOX_POSTGRES_PG_COMMIT_H
#define INBOX_POSTGRES_PG_COMMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/placement.h"
#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_messages.h"
#include "inbox/postgres/pg_progress.h"
#include "inbox/postgres/pg_rows.h"

/* An arrival, and FLEET_SLOT_COUNT numbers of up to 4 digits: PostgreSQL's
 * limit is 8000. */
#define PG_PAYLOAD_SIZE (24 + FLEET_SLOT_COUNT * 5)

struct pg_commit {
    const char *notify;          /* borrowed; channel, or NULL */
    struct pg_messages messages; /* to be inserted */
    struct pg_array marked;      /* first arrivals of batches that are marked */
    struct pg_progress progress; /* of outlets */
    char payload[PG_PAYLOAD_SIZE]; /* of the notification */
    size_t stored_index;           /* of the statement that inserts messages */
    size_t progress_index;         /* of the first statement of progress */
    char *mark_sql;                /* owned */
};

/* 0 or HAPLO_ENOMEM. Borrows both. */
int pg_commit_init(struct pg_commit *commit, const char *schema,
                   const char *notify);
void pg_commit_free(struct pg_commit *commit);

/* Begins with nothing. */
void pg_commit_clear(struct pg_commit *commit);

/* A batch has been marked on its server. */
void pg_commit_mark(struct pg_commit *commit, int64_t first_arrival);

/* Makes the statements after the *count that are there. 0, HAPLO_ENOMEM or
 * HAPLO_ETOOBIG. */
int pg_commit_make(struct pg_commit *commit, struct pg_rows *rows,
                   struct inbox_group *group, struct pg_statement *statements,
                   size_t *count);

/* True if the request has failed, and jsonb that is made of a message may be
 * why. */
bool pg_commit_is_json_suspect(const struct pg_commit *commit,
                               const struct pg_request *request);

/* All statements have succeeded: sets the fault of the group, and the results
 * of progress. */
void pg_commit_done(struct pg_commit *commit, struct inbox_group *group,
                    const struct pg_request *request);

#endif
