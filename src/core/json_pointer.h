/*
 * json_pointer.h - a JSON pointer (RFC 6901), compiled, and a cursor that
 * tells, while a document goes by, when the value that it names goes by.
 */
#ifndef CORE_JSON_POINTER_H
#define CORE_JSON_POINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "haplopoll.h"

struct json_segment {
    const char *name; /* unescaped, for a member of a map */
    size_t size;      /* of name */
    size_t index;     /* for an element of an array; SIZE_MAX: none */
};

struct json_pointer {
    char *text;                                            /* owned */
    size_t count;                                          /* of segments */
    struct json_segment segments[HAPLO_POINTER_DEPTH_MAX]; /* into text */
};

/* Copies text: 0, HAPLO_EINVAL with why set (no leading '/', a '~' that is
 * none of "~0" and "~1", too deep), or HAPLO_ENOMEM. */
int json_pointer_init(struct json_pointer *pointer, const char *text,
                      struct reason *why);

/* As it was given: for texts. */
const char *json_pointer_text(const struct json_pointer *pointer);

void json_pointer_free(struct json_pointer *pointer);

enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_MAP,
    JSON_ARRAY
};

/* Where a document stands as seen from a pointer. Depth is the number of maps
 * and arrays that are open around a value or a key. */
struct json_cursor {
    const struct json_pointer *pointer;    /* borrowed */
    size_t open;                           /* containers open on its way */
    bool key_matches;                      /* the newest key of the inmost */
    size_t index[HAPLO_POINTER_DEPTH_MAX]; /* next of each; SIZE_MAX: a map */
};

/* Borrows pointer; at the beginning of a document. */
void json_cursor_init(struct json_cursor *cursor,
                      const struct json_pointer *pointer);

/* A key has gone by. */
void json_cursor_key(struct json_cursor *cursor, size_t depth, const char *name,
                     size_t size);

/* A value goes by, or begins when it is a map or an array. True if it is the
 * one that the pointer names; equal keys make that more than one. */
bool json_cursor_value(struct json_cursor *cursor, size_t depth,
                       enum json_kind kind);

/* A map or an array has ended; depth is what is open around it. */
void json_cursor_close(struct json_cursor *cursor, size_t depth);

#endif
