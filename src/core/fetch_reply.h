/*
 * fetch_reply.h - reads the answer to a fetch as it arrives and decides what
 * it is: a whole batch, an empty one, or one of the failures of the protocol.
 *
 * Pure: bytes in, a batch or an error out. Nothing in the batch may be
 * believed before fetch_reply_end() has returned 0.
 *
 *   fetch_reply_begin -> fetch_reply_head -> fetch_reply_data ... -> _end
 */
#ifndef CORE_FETCH_REPLY_H
#define CORE_FETCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "core/batch.h"
#include "core/fetch_format.h"
#include "base/http_head.h"
#include "core/json_batch.h"
#include "core/reply_head.h"

#define FETCH_REPLY_ERROR_BODY_SIZE_MAX 4096 /* the rest of it is dropped */
#define FETCH_REPLY_TRUST_SIZE_MAX 1048576   /* reserved on a header's word */

struct fetch_reply {
    const struct fetch_format *format; /* borrowed */
    struct haplo_batch *batch;         /* borrowed; filled */
    struct reason *why;                /* borrowed; set on error */
    size_t body_bytes_max;             /* cap of a batch */
    struct reply_head head;            /* of the answer */
    bool is_batch;                     /* head looks like one: parse it */
    size_t dropped_size;               /* else: bytes read and not kept */
    int error;                         /* the first, of the data */
    struct json_batch json;            /* incremental reader */
};

/* Borrows all until the end. The batch must be reset. */
void fetch_reply_begin(struct fetch_reply *reply,
                       const struct fetch_format *format,
                       struct haplo_batch *batch, size_t body_bytes_max,
                       struct reason *why);

/* The head, once, before any data. The verdict on a bad one waits for its
 * body. Copies what it needs of it. */
void fetch_reply_head(struct fetch_reply *reply, const struct http_head *head);

/* The next bytes of the body, unpacked. 0, or the error with which the
 * request should be given up: HAPLO_ETOOBIG, HAPLO_EDOCUMENT, HAPLO_ENOMEM; or,
 * of a page without end, what it means; why is set then. */
int fetch_reply_data(struct fetch_reply *reply, const char *data, size_t size);

/* The answer has arrived whole. 0: the batch is complete (maybe without
 * messages: then form_size is 0); or the error that the answer means, with
 * why set; or the one that fetch_reply_data() has returned. On error the
 * batch has neither messages nor a form. Frees what the reading needed; call
 * it, or fetch_reply_abandon(), exactly once after begin. */
int fetch_reply_end(struct fetch_reply *reply);

/* The request failed on its way: frees what the reading needed. */
void fetch_reply_abandon(struct fetch_reply *reply);

#endif
