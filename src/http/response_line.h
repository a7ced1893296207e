/*
 * response_line.h - looks at each line of an answer's head as it comes: what
 * libcurl would take and could not be bounded in memory or time is refused,
 * and what it cannot take is kept from it.
 */
#ifndef HTTP_RESPONSE_LINE_H
#define HTTP_RESPONSE_LINE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* Bytes of a head, with those of 1xx answers before it and of a trailer behind
 * its body, which libcurl reads without end. */
#define RESPONSE_LINES_SIZE_MAX 131072

struct easy;

struct response_lines {
    size_t size;     /* of all lines so far */
    bool is_status;  /* the newest is a status line */
    bool is_packed;  /* a Content-Encoding went by */
    char length[24]; /* the Content-Length that went by, or "" */
};

/* Sets what is needed of the easy handle's options: false when there is no
 * memory. */
bool response_line_set_options(struct easy *easy);

/* The next line, its end included. 0, or HAPLO_EPROTOCOL, with which the
 * transfer must end; the easy knows it then. */
int response_line_check(struct easy *easy, const char *line, size_t size);

#endif
