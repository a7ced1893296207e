/*
 * pg_names.h - SQL in which the tables are qualified with the schema of the
 * inbox, so that it depends on no search_path.
 */
#ifndef INBOX_POSTGRES_PG_NAMES_H
#define INBOX_POSTGRES_PG_NAMES_H

#include <stddef.h>

#define PG_SCHEMA_NAME_SIZE_MAX 64 /* with its NUL */

/* Replaces each "@" by the quoted schema and a point: with the schema haplo,
 * "SELECT 1 FROM @stored" becomes SELECT 1 FROM "haplo".stored. The caller
 * frees it; NULL if memory runs out. */
char *pg_names_expand(const char *schema, const char *sql);

/* Checks the name of a schema, as an option_check_cb. */
int pg_names_check(const char *schema, char *why, size_t why_size);

#endif
