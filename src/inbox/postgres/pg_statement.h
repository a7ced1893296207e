/*
 * pg_statement.h - an SQL statement with its parameters, and the values of its
 * result. Everything travels in PostgreSQL's binary format, so that bytes need
 * no escaping: numbers are 64-bit and big-endian, texts are UTF-8.
 */
#ifndef INBOX_POSTGRES_PG_STATEMENT_H
#define INBOX_POSTGRES_PG_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "haplopoll.h"
#include "inbox/postgres/pg_array.h"

#define PG_PARAMETER_COUNT_MAX 16

/* Must not be moved once it has parameters: they may point into it. */
struct pg_statement {
    const char *sql;                            /* borrowed */
    int count;                                  /* of parameters */
    Oid types[PG_PARAMETER_COUNT_MAX];          /* their types */
    const char *values[PG_PARAMETER_COUNT_MAX]; /* borrowed, or in numbers */
    int sizes[PG_PARAMETER_COUNT_MAX];          /* of values */
    char numbers[PG_PARAMETER_COUNT_MAX][8];    /* big-endian */
};

void pg_statement_init(struct pg_statement *statement, const char *sql);

/* Each adds the next parameter, $1 first, and borrows its value for as long as
 * the statement is used. A text may be NULL. An array must be complete. */
void pg_statement_number(struct pg_statement *statement, int64_t value);
void pg_statement_bool(struct pg_statement *statement, bool value);
void pg_statement_text(struct pg_statement *statement, const char *text);
void pg_statement_bytes(struct pg_statement *statement,
                        struct haplo_slice bytes);
void pg_statement_array(struct pg_statement *statement,
                        const struct pg_array *array);

/* Values of a result that was requested in binary format. A column must have
 * the type that is asked for; NULL is 0, false or an empty slice, whose data is
 * NULL. Slices and texts are valid as long as the result. */
int64_t pg_number(const PGresult *result, int row, int column);
bool pg_bool(const PGresult *result, int row, int column);
struct haplo_slice pg_bytes(const PGresult *result, int row, int column);
const char *pg_text(const PGresult *result, int row, int column);

#endif
