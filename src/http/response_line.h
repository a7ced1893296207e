/*
 * response_line.h - checks each line of a response's head as it arrives. What
 * libcurl would accept without a bound on memory or time is rejected, and what
 * it cannot handle is kept from it.
 */
#ifndef HTTP_RESPONSE_LINE_H
#define HTTP_RESPONSE_LINE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/framing.h"

/* Bytes of a head, including the 1xx responses before it and the trailer after
 * its body, on which libcurl has no limit. */
#define RESPONSE_LINES_SIZE_MAX 131072

struct easy;

/* Which line is next. An interim response (1xx) is followed by another status
 * line, a chunked body by a trailer. */
enum response_part {
    RESPONSE_STATUS,  /* the status line */
    RESPONSE_FIRST,   /* the line after it */
    RESPONSE_HEADERS, /* another one, or the empty line that ends the head */
    RESPONSE_BODY     /* the head is complete */
};

struct response_lines {
    enum response_part part; /* next */
    size_t size;             /* of all lines so far */
    bool is_interim;         /* the current head is a 1xx response's */
    bool is_compressed;      /* a Content-Encoding was among them */
    bool has_retry_after;    /* so was a Retry-After */
    uint32_t age_s;          /* Age; 0: none */
    struct framing framing;  /* what they say about the end of the body */
};

/* Sets the options that this needs. False when there is no memory. */
bool response_line_set_options(struct easy *easy);

/* Forgets all lines: a request was sent. */
void response_line_begin(struct easy *easy);

/* The next line, its line end included. 0, or HAPLO_EPROTOCOL: the transfer
 * must end, and the handle knows it. */
int response_line_check(struct easy *easy, const char *line, size_t size);

/* Rejects the response because of what follows its last chunk. */
int response_line_fail_trailer(struct easy *easy);

#endif
