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

/* Bytes of a head, including the 1xx responses before it and the trailer after
 * its body, on which libcurl has no limit. */
#define RESPONSE_LINES_SIZE_MAX 131072

struct easy;

struct response_lines {
    size_t size;        /* of all lines so far */
    bool is_status;     /* the newest is a status line */
    bool is_compressed; /* a Content-Encoding was among them */
    char length[24];    /* the Content-Length among them, or "" */
};

/* Sets the options that this needs. False when there is no memory. */
bool response_line_set_options(struct easy *easy);

/* The next line, its line end included. 0, or HAPLO_EPROTOCOL: the transfer
 * must end, and the handle knows it. */
int response_line_check(struct easy *easy, const char *line, size_t size);

#endif
