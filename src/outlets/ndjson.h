/*
 * ndjson.h - converts a JSON value to one line: removes the white space
 * between tokens, and changes nothing else. Pure.
 */
#ifndef OUTLETS_NDJSON_H
#define OUTLETS_NDJSON_H

#include <stdbool.h>
#include <stddef.h>

/* The position in a value. Zeroed: at its beginning. */
struct ndjson {
    bool in_string;  /* inside a string */
    bool is_escaped; /* a backslash precedes the next byte */
};

/* Converts the next size bytes of a valid JSON value. out must have room for
 * size bytes; returns the number written. in and out may be the same. */
size_t ndjson_pack(struct ndjson *ndjson, const char *in, size_t size,
                   char *out);

#endif
