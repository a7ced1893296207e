/*
 * pg_schema.h - the schema of an inbox in PostgreSQL: its tables and its
 * version, and what the role that stores messages may do with them.
 */
#ifndef INBOX_POSTGRES_PG_SCHEMA_H
#define INBOX_POSTGRES_PG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox.h"

/* The clock of the database, in Unix milliseconds; not that of the beginning of
 * the transaction. */
#define PG_NOW_MS "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

/* Each step upgrades the schema by one version; the first one creates it. A
 * step is a list of statements, as for pg_names_expand(), and ends in NULL. */
extern const char *const *const pg_schema_steps[];
extern const int64_t pg_schema_version; /* with all steps */

/* What the role that stores messages needs: always, and to delete what is older
 * than the retention period. Each is followed by TO and the name of the role.
 * Both end in NULL. */
extern const char *const pg_schema_grants[];
extern const char *const pg_schema_grants_of_keep[];

/* recordVersion as a number that can be compared, -1 if it is no number. row:
 * "", or the row that has the column, such as "s.". */
#define PG_OBJECT_VERSION(row)                                             \
    "coalesce(CASE WHEN " row "record_version ~ '^[0-9]{1,18}$' THEN " row \
    "record_version::bigint END, -1)"

/* The same for object.ref, which may be too long for an index. */
#define PG_OBJECT_HASH(row) "hashtextextended(" row "object_ref, 0)"

/* The index with which the newest message of an object is found; and the
 * statement that removes it. */
extern const char pg_schema_object_index[];
extern const char pg_schema_object_index_drop[];

/* What pg_schema_migrate() is to do; everything is borrowed. */
struct pg_schema_order {
    const char *schema; /* its name */
    const char *writer; /* role that gets the grants; NULL: none */
    bool has_keep;      /* the writer gets those of keep as well */
    bool keeps_latest;  /* the index of objects is needed */
};

/* Creates or upgrades the schema, in one transaction. Blocks. Returns 0 with
 * one line in text about what was done; or HAPLO_E* with the cause in it. */
int pg_schema_migrate(const char *conninfo, const struct pg_schema_order *order,
                      char *text, size_t text_size);

#endif
