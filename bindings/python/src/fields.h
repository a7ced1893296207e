/*
 * fields.h - rows that describe the members of a public struct: its options
 * are filled in from keyword arguments, and its counters read as a dict, both
 * under the names that haplopoll.h has.
 */
#ifndef PYTHON_FIELDS_H
#define PYTHON_FIELDS_H

#include "python.h"

#include <stddef.h>

enum field_kind {
    FIELD_TEXT,     /* const char * */
    FIELD_BYTES,    /* struct haplo_slice */
    FIELD_UNSIGNED, /* unsigned */
    FIELD_SIZE,     /* size_t */
    FIELD_U64,      /* uint64_t */
    FIELD_I64,      /* int64_t */
    FIELD_BOOL,     /* bool */
    FIELD_FORMAT,   /* enum haplo_format: "json" or "raw" */
    FIELD_ERROR,    /* int: "HAPLO_ETLS", or None */
    FIELD_QUEUE_STATE,
    FIELD_SERVER_STATE
};

struct field {
    const char *name; /* NULL: the last row */
    enum field_kind kind;
    size_t offset; /* in the struct */
};

#define FIELD(type, name, kind)                   \
    {                                             \
#name, FIELD_##kind, offsetof(type, name) \
    }

/* Borrows texts and bytes from values, a dict (NULL: none). None counts as not
 * given. Returns 0, or -1 with an exception that names the option. */
int fields_fill(void *options, const struct field *fields, PyObject *values);

/* Borrows one text from value. The exception does not show it, as it may be a
 * key. */
int fields_text(const char **text, const struct field *field, PyObject *value);

/* A new dict, or NULL with an exception. */
PyObject *fields_dict(const void *stats, const struct field *fields);

#endif
