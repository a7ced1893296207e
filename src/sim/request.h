/*
 * request.h - one HTTP request after the other, from bytes.
 */
#ifndef SIM_REQUEST_H
#define SIM_REQUEST_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

#define SIM_BODY_BYTES_MAX                            \
    1048576 /* a body of that size and more gives 500 \
             */

struct sim_request {
    http_parser parser;              /* */
    struct sim_buffer field;         /* owned; name of the header being read */
    struct sim_buffer *header;       /* its value goes here; NULL: none yet */
    bool complete;                   /* */
    struct sim_buffer url;           /* owned */
    struct sim_buffer host;          /* owned */
    struct sim_buffer authorization; /* owned */
    bool has_authorization;          /* */
    struct sim_buffer content_type;  /* owned */
    struct sim_buffer encoding;      /* owned; Accept-Encoding */
    struct sim_buffer body;          /* owned; empty when it is too big */
    size_t body_bytes;               /* received */
    bool expects_continue;           /* the client waits for a 100 */
    bool keep_alive;                 /* */
    enum http_method method;         /* */
};

enum sim_request_progress {
    SIM_REQUEST_PARTIAL,
    SIM_REQUEST_COMPLETE,
    SIM_REQUEST_BROKEN,
};

/* The request must not move afterwards. */
void sim_request_init(struct sim_request *request);

void sim_request_free(struct sim_request *request);

/* Reads on, to the end of one request at most; *used bytes are done with. After
 * a complete one the next call starts the next one. */
enum sim_request_progress sim_request_parse(struct sim_request *request,
                                            const char *bytes, size_t size,
                                            size_t *used);

#endif
