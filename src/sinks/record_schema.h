/*
 * record_schema.h - the tables of a record, and how a file of an older version
 * becomes one of this version.
 */
#ifndef SINKS_RECORD_SCHEMA_H
#define SINKS_RECORD_SCHEMA_H

#include <stddef.h>

#include <sqlite3.h>

/* Step n takes a file of version n to version n + 1, so their count is the
 * version that this program knows; 0 is a file without anything in it. */
struct record_schema {
    const char *noun;         /* "an inbox" */
    int application_id;       /* PRAGMA application_id of such a file */
    const char *const *steps; /* SQL, each run once in a file's life */
    int step_count;           /* */
};

/* The table that all kinds of records have. */
#define RECORD_QUEUES_SQL          \
    "CREATE TABLE queues ("        \
    " server TEXT NOT NULL,"       \
    " queue TEXT NOT NULL,"        \
    " epoch INTEGER NOT NULL,"     \
    " PRIMARY KEY (server, queue)" \
    ") WITHOUT ROWID;"

/* Whether the file is of the schema and of a version up to its own, or empty;
 * writes nothing. 0, or HAPLO_EINVAL, HAPLO_EBUSY, HAPLO_ENOMEM with why set;
 * path is for its text. */
int record_schema_check(sqlite3 *db, const struct record_schema *schema,
                        const char *path, char *why, size_t why_size);

/* Takes the file to the schema's version, in one transaction: all steps or
 * none. Errors as above. */
int record_schema_migrate(sqlite3 *db, const struct record_schema *schema,
                          const char *path, char *why, size_t why_size);

/* Writes one line about a failure while opening: HAPLO_EBUSY, HAPLO_ENOMEM or
 * HAPLO_EINVAL. */
int record_schema_error(sqlite3 *db, const char *path, int code, char *why,
                        size_t why_size);

#endif
