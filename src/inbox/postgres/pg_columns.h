/*
 * pg_columns.h - the members of a message that have a column of their own:
 * id, datetime, action, object.ref and object.recordVersion, as text.
 *
 * The array of a column ends with its last text: unnest() makes NULLs of what
 * it lacks in comparison with the others. Most have no text at all.
 */
#ifndef INBOX_POSTGRES_PG_COLUMNS_H
#define INBOX_POSTGRES_PG_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json_select.h"
#include "haplopoll.h"
#include "inbox/postgres/pg_array.h"

#define PG_COLUMN_COUNT 5

struct pg_columns {
    struct json_select *select;             /* owned */
    size_t count;                           /* messages */
    bool is_short;                          /* memory ran out: some members are
                                               missing that are not NULL */
    struct pg_array texts[PG_COLUMN_COUNT]; /* a member of each message */
};

/* 0 or HAPLO_ENOMEM. */
int pg_columns_init(struct pg_columns *columns);
void pg_columns_free(struct pg_columns *columns);

void pg_columns_clear(struct pg_columns *columns);

/* Appends the members of a message of this format. A member is NULL if it is
 * missing, or null, or text that PostgreSQL cannot hold; all are if this is not
 * JSON. A map or an array is stored as JSON. If memory runs out,
 * pg_columns_finish() reports it. */
void pg_columns_add(struct pg_columns *columns,
                    const struct haplo_message *message,
                    enum haplo_format format);

/* The same for a message of which only the body is known. */
void pg_columns_add_body(struct pg_columns *columns, struct haplo_slice body,
                         enum haplo_format format);

/* 0, HAPLO_ENOMEM or HAPLO_ETOOBIG. */
int pg_columns_finish(struct pg_columns *columns);

#endif
