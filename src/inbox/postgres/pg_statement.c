#include "inbox/postgres/pg_statement.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

/* Numbers of types in PostgreSQL, which never change. */
static Oid array_type(enum pg_element element)
{
    switch (element) {
    case PG_BOOL:
        return 1000;
    case PG_BYTEA:
        return 1001;
    case PG_INT8:
        return 1016;
    case PG_TEXT:
        break;
    }
    return 1009;
}

void pg_statement_init(struct pg_statement *statement, const char *sql)
{
    statement->sql = sql;
    statement->count = 0;
}

static void add(struct pg_statement *statement, Oid type, const char *value,
                size_t size)
{
    int index = statement->count;

    assert(index < PG_PARAMETER_COUNT_MAX);
    assert(size <= INT_MAX);
    statement->types[index] = type;
    statement->values[index] = value;
    statement->sizes[index] = (int)size;
    statement->count++;
}

void pg_statement_number(struct pg_statement *statement, int64_t value)
{
    char *bytes = statement->numbers[statement->count];

    for (int i = 0; i < 8; i++) {
        bytes[i] = (char)((uint64_t)value >> (56 - 8 * i) & 0xff);
    }
    add(statement, PG_INT8, bytes, 8);
}

void pg_statement_bool(struct pg_statement *statement, bool value)
{
    add(statement, PG_BOOL, value ? "\1" : "\0", 1);
}

void pg_statement_text(struct pg_statement *statement, const char *text)
{
    add(statement, PG_TEXT, text, text != NULL ? strlen(text) : 0);
}

/* NULL would be SQL's NULL. */
void pg_statement_bytes(struct pg_statement *statement,
                        struct haplo_slice bytes)
{
    add(statement, PG_BYTEA, bytes.data != NULL ? bytes.data : "", bytes.size);
}

void pg_statement_array(struct pg_statement *statement,
                        const struct pg_array *array)
{
    add(statement, array_type(array->element), array->bytes, array->size);
}

int64_t pg_number(const PGresult *result, int row, int column)
{
    const char *bytes = PQgetvalue(result, row, column);
    int size = PQgetlength(result, row, column);
    uint64_t value = 0;

    assert(size == 0 || size == 8);
    for (int i = 0; i < size; i++) {
        value = value << 8 | (unsigned char)bytes[i];
    }
    return (int64_t)value;
}

bool pg_bool(const PGresult *result, int row, int column)
{
    return PQgetlength(result, row, column) == 1 &&
           PQgetvalue(result, row, column)[0] != '\0';
}

struct haplo_slice pg_bytes(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column)) {
        return (struct haplo_slice){NULL, 0};
    }
    return (struct haplo_slice){PQgetvalue(result, row, column),
                                (size_t)PQgetlength(result, row, column)};
}

const char *pg_text(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column); /* libpq terminates it */
}
