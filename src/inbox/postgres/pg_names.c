#include "inbox/postgres/pg_names.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/reason.h"

char *pg_names_expand(const char *schema, const char *sql)
{
    size_t schema_size = strlen(schema);
    size_t size = strlen(sql) + 1;
    char *expanded;
    char *to;

    for (const char *at = sql; *at != '\0'; at++) {
        size += *at == '@' ? schema_size + 2 : 0; /* "@" to the point */
    }
    expanded = malloc(size);
    for (to = expanded; to != NULL; sql++) {
        if (*sql == '@') {
            *to++ = '"';
            to = stpcpy(to, schema);
            *to++ = '"';
            *to++ = '.';
        } else {
            *to++ = *sql;
        }
        if (*sql == '\0') {
            break;
        }
    }
    return expanded;
}

static bool is_name_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* These need no quotes inside of quotes. PostgreSQL truncates longer names, and
 * reserves those that begin with "pg_". */
int pg_names_check(const char *schema, char *why, size_t why_size)
{
    size_t size = 0;

    while (is_name_character(schema[size])) {
        size++;
    }
    if (size == 0 || schema[size] != '\0' || isdigit((unsigned char)*schema)) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "not the name of a schema: use letters, digits "
                            "and _, and no digit first");
    }
    if (size >= PG_SCHEMA_NAME_SIZE_MAX) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "longer than PostgreSQL's limit of %d characters",
                            PG_SCHEMA_NAME_SIZE_MAX - 1);
    }
    if (strncmp(schema, "pg_", 3) == 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "PostgreSQL reserves names that begin with pg_");
    }
    return 0;
}
