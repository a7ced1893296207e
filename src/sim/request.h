/*
 * request.h - an incremental HTTP request parser: takes bytes as they arrive
 * and yields one request at a time.
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

/* The server answers bodies of this size or more with 500. */
#define SIM_BODY_BYTES_MAX 1048576

struct sim_request {
    http_parser parser;
    struct sim_buffer field;         /* owned; name of the header being read */
    struct sim_buffer *header;       /* where its value goes; NULL: not known */
    bool complete;                   /* the last byte has been parsed */
    struct sim_buffer url;           /* owned */
    struct sim_buffer host;          /* owned */
    struct sim_buffer authorization; /* owned */
    bool has_authorization;          /* even if it is empty */
    struct sim_buffer content_type;  /* owned */
    struct sim_buffer encoding;      /* owned; Accept-Encoding */
    struct sim_buffer body;          /* owned; empty if it is too large */
    size_t body_bytes;               /* bytes of the body received */
    bool expects_continue;           /* the client waits for 100 Continue */
    bool keep_alive;
    enum http_method method;
};

enum sim_request_progress {
    SIM_REQUEST_PARTIAL,
    SIM_REQUEST_COMPLETE,
    SIM_REQUEST_BROKEN,
};

/* The request must not move in memory afterwards. */
void sim_request_init(struct sim_request *request);

void sim_request_free(struct sim_request *request);

/* Parses up to the end of one request and sets *used to the number of bytes
 * consumed. After SIM_REQUEST_COMPLETE, the next call starts a new request. */
enum sim_request_progress sim_request_parse(struct sim_request *request,
                                            const char *bytes, size_t size,
                                            size_t *used);

#endif
