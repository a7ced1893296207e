/*
 * json_pointer.h - a compiled JSON pointer (RFC 6901), and a cursor that
 * detects the value it selects while a document is being read.
 */
#ifndef CORE_JSON_POINTER_H
#define CORE_JSON_POINTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "haplopoll.h"

struct json_segment {
    const char *name; /* unescaped; for a member of a map */
    size_t size;      /* bytes of name */
    size_t index;     /* for an element of an array; SIZE_MAX: none */
};

struct json_pointer {
    char *text;   /* owned */
    size_t count; /* number of segments */
    struct json_segment segments[HAPLO_POINTER_DEPTH_MAX]; /* point into text */
};

/* Compiles a copy of text. Returns 0, HAPLO_EINVAL with why set (no leading
 * '/', a '~' that is neither "~0" nor "~1", too many segments), or
 * HAPLO_ENOMEM. */
int json_pointer_init(struct json_pointer *pointer, const char *text,
                      struct reason *why);

/* The pointer as it was given, for messages. */
const char *json_pointer_text(const struct json_pointer *pointer);

void json_pointer_free(struct json_pointer *pointer);

enum json_kind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_MAP,
    JSON_ARRAY,
    JSON_MISSING /* no value; see json_select.h */
};

/* How far the current position in a document matches a pointer. Depth is the
 * number of maps and arrays open around a value or a key. */
struct json_cursor {
    const struct json_pointer *pointer; /* borrowed */
    size_t open;                        /* open containers that match so far */
    bool key_matches; /* the newest key of the innermost one does */
    size_t index[HAPLO_POINTER_DEPTH_MAX]; /* next element of each; SIZE_MAX: a
                                              map */
};

/* Starts a document. Borrows pointer. */
void json_cursor_init(struct json_cursor *cursor,
                      const struct json_pointer *pointer);

/* To be called for each key. */
void json_cursor_key(struct json_cursor *cursor, size_t depth, const char *name,
                     size_t size);

/* To be called for each value, and at the beginning of each map and array.
 * True if the pointer selects it; with duplicate keys that can happen more
 * than once. */
bool json_cursor_value(struct json_cursor *cursor, size_t depth,
                       enum json_kind kind);

/* To be called at the end of each map and array, with the depth around it. */
void json_cursor_close(struct json_cursor *cursor, size_t depth);

#endif
