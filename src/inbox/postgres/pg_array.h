/*
 * pg_array.h - a one-dimensional array in PostgreSQL's binary format, as the
 * parameter of a statement that processes many rows with unnest(), or as a
 * result.
 */
#ifndef INBOX_POSTGRES_PG_ARRAY_H
#define INBOX_POSTGRES_PG_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

enum pg_element {
    PG_BOOL = 16,  /* the number of the type in PostgreSQL */
    PG_BYTEA = 17, /* bytes */
    PG_INT8 = 20,  /* a 64-bit integer */
    PG_TEXT = 25   /* UTF-8 without NUL */
};

/* Initialise it with pg_array_init(). */
struct pg_array {
    enum pg_element element; /* type of all elements */
    char *bytes;             /* owned; header and elements */
    size_t size;             /* in use */
    size_t capacity;         /* allocated */
    uint32_t count;          /* elements, also those that had no room: an array
                                of which memory ran out is never empty */
    bool has_null;           /* one of them is NULL */
    bool is_short;           /* memory ran out */
    bool is_too_big;         /* exceeds what PostgreSQL can receive */
};

void pg_array_init(struct pg_array *array, enum pg_element element);

/* Removes all elements, but keeps the memory unless it is large. */
void pg_array_clear(struct pg_array *array);

void pg_array_free(struct pg_array *array);

/* Each appends an element, of the type of the array. If memory runs out, or
 * the array exceeds what PostgreSQL can receive, pg_array_finish() reports
 * it. */
void pg_array_number(struct pg_array *array, int64_t value);
void pg_array_bool(struct pg_array *array, bool value);
void pg_array_bytes(struct pg_array *array, struct haplo_slice bytes);
void pg_array_text(struct pg_array *array, const char *text);
void pg_array_slice(struct pg_array *array, struct haplo_slice text);
void pg_array_null(struct pg_array *array);

/* Completes the array for a statement. Returns 0, HAPLO_ENOMEM, or
 * HAPLO_ETOOBIG. */
int pg_array_finish(struct pg_array *array);

/* The elements of an array that is complete and without NULL, one after the
 * other: *offset is 0 before the first one. Valid until the array changes. */
struct haplo_slice pg_array_next(const struct pg_array *array, size_t *offset);

/* For an array of numbers in a result, which has one dimension at most, and no
 * NULL in it: the number of its elements (0 if it is NULL itself), and one of
 * them. */
size_t pg_array_number_count(struct haplo_slice numbers);
int64_t pg_array_number_at(struct haplo_slice numbers, size_t index);

#endif
