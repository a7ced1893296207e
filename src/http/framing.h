/*
 * framing.h - whether the head of a response proves where its body ends.
 *
 * A truncated response must not pass for a complete one, so its end has to be
 * known (RFC 9112, 6.3). There are two ways: the body is chunked, and its last
 * chunk says so; or Content-Length gives its size. libcurl is lenient: to it
 * "+1000" and "1000.5" are 1000, "20, 90" is 20, and a body with neither lasts
 * until the connection is closed. So the headers are judged here as well, and
 * anything but one "chunked", or lengths that consist of digits and all agree,
 * is a fault.
 *
 * Pure: headers in, a verdict out.
 */
#ifndef HTTP_FRAMING_H
#define HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "http/header_line.h"

#define FRAMING_DIGITS_MAX 18 /* of a length, so that it fits into 64 bits */

struct framing {
    const char *fault; /* static: the first one found; NULL: none */
    bool is_chunked;   /* Transfer-Encoding: chunked */
    bool is_http_1_0;  /* which does not have chunks */
    char length[FRAMING_DIGITS_MAX + 1]; /* Content-Length; "": none */
    bool shows_value;                    /* to explain the fault */
    char value[64];                      /* of the header at fault */
};

/* Begins the head of a response with its status line. */
void framing_begin(struct framing *framing, const char *line, size_t size);

/* Notes a header; all of them, faulty ones included. */
void framing_add(struct framing *framing, const struct header_line *header);

/* The Content-Length; -1 if it is missing or the framing has a fault. */
int64_t framing_length(const struct framing *framing);

/* After the last header: 0, or HAPLO_EPROTOCOL with why set. */
int framing_check(const struct framing *framing, struct reason *why);

#endif
