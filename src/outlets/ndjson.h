/*
 * ndjson.h - a JSON value as one line: without the white space between its
 * tokens, otherwise byte for byte. Pure.
 */
#ifndef OUTLETS_NDJSON_H
#define OUTLETS_NDJSON_H

#include <stdbool.h>
#include <stddef.h>

/* Where in a value the packing has got to. Zeroed: at its beginning. */
struct ndjson {
    bool in_string;  /* */
    bool is_escaped; /* the next byte, by a backslash */
};

/* Packs the next size bytes of a value that is valid JSON into out, which has
 * room for as many; returns how many there are. in and out may be the same. */
size_t ndjson_pack(struct ndjson *ndjson, const char *in, size_t size,
                   char *out);

#endif
