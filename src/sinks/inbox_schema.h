/*
 * inbox_schema.h - the tables of the inbox, and how a file of an older version
 * becomes one of this version. haplo-inbox(5) documents them.
 */
#ifndef SINKS_INBOX_SCHEMA_H
#define SINKS_INBOX_SCHEMA_H

#include <stddef.h>

#include <sqlite3.h>

/* PRAGMA application_id of an inbox: "HPIN". */
#define INBOX_APPLICATION_ID 0x4850494e

/* Step n takes a file of version n to version n + 1, so their count is the
 * version that this program knows; 0 is a file without anything in it. */
struct inbox_schema {
    const char *const *steps; /* SQL, each run once in a file's life */
    int step_count;           /* */
};

extern const struct inbox_schema inbox_schema;

/* Whether the file is an inbox of a version up to the schema's, or empty;
 * writes nothing. 0, or HAPLO_EINVAL, HAPLO_EBUSY, HAPLO_ENOMEM with why set;
 * path is for its text. */
int inbox_schema_check(sqlite3 *db, const struct inbox_schema *schema,
                       const char *path, char *why, size_t why_size);

/* Takes the file to the schema's version, in one transaction: all steps or
 * none. Errors as above. */
int inbox_schema_migrate(sqlite3 *db, const struct inbox_schema *schema,
                         const char *path, char *why, size_t why_size);

/* Writes one line about a failure while opening: HAPLO_EBUSY, HAPLO_ENOMEM or
 * HAPLO_EINVAL. */
int inbox_schema_error(sqlite3 *db, const char *path, int code, char *why,
                       size_t why_size);

#endif
