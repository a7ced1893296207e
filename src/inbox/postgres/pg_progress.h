/*
 * pg_progress.h - the progress of all outlets in a group, as statements of the
 * group's transaction.
 */
#ifndef INBOX_POSTGRES_PG_PROGRESS_H
#define INBOX_POSTGRES_PG_PROGRESS_H

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_statement.h"

#define PG_PROGRESS_STATEMENT_COUNT_MAX 4

/* What is to be stored: one element in each of some arrays for each position,
 * and for each dead letter. */
struct pg_progress {
    char *add_outlets;             /* owned; SQL with the name of the schema */
    char *find_outlets;            /* the same */
    char *set_positions;           /* the same */
    char *add_letters;             /* the same */
    struct pg_array names;         /* of the outlets */
    struct pg_array outlets;       /* of positions: name of the outlet */
    struct pg_array queues;        /* of positions */
    struct pg_array arrivals;      /* of positions */
    struct pg_array by;            /* of dead letters: name of the outlet */
    struct pg_array letters;       /* of dead letters: arrival */
    struct pg_array letter_queues; /* of dead letters */
    struct pg_array whys;          /* of dead letters */
    struct pg_array attempts;      /* of dead letters */
    bool is_first;                 /* an outlet may have no row yet */
    size_t find_index;             /* statement that finds the outlets */
};

/* 0 or HAPLO_ENOMEM. To be freed in any case. */
int pg_progress_init(struct pg_progress *progress, const char *schema);
void pg_progress_free(struct pg_progress *progress);

/* Makes the statements that store all progress of the group; sets *count to
 * their number, at most PG_PROGRESS_STATEMENT_COUNT_MAX. They are executed in
 * the transaction of the group, and borrow from progress until it has ended. 0,
 * HAPLO_ENOMEM or HAPLO_ETOOBIG. */
int pg_progress_prepare(struct pg_progress *progress,
                        const struct inbox_group *group,
                        struct pg_statement *statements, size_t *count);

/* The transaction was committed: sets outlet_id and stored_cursor from the
 * results of these statements. */
void pg_progress_written(const struct pg_progress *progress,
                         struct inbox_group *group, PGresult *const *results);

#endif
