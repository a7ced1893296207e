/*
 * fetch_reply.h - reads the response to a fetch while it arrives, and decides
 * whether it is a complete batch, an empty one, or one of the failures of the
 * protocol.
 *
 * Pure: bytes in, a batch or an error out. The batch is not valid before
 * fetch_reply_end() has returned 0.
 *
 *   fetch_reply_begin -> fetch_reply_head -> fetch_reply_data ... -> _end
 */
#ifndef CORE_FETCH_REPLY_H
#define CORE_FETCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/http_head.h"
#include "base/reason.h"
#include "core/batch.h"
#include "core/fetch_format.h"
#include "core/json_batch.h"
#include "core/reply_head.h"

#define FETCH_REPLY_ERROR_BODY_SIZE_MAX 4096 /* the rest is dropped */
/* How much a Content-Length alone can make us allocate. */
#define FETCH_REPLY_TRUST_SIZE_MAX 1048576

struct fetch_reply {
    const struct fetch_format *format; /* borrowed */
    struct batch *batch;               /* borrowed; filled */
    struct reason *why;                /* borrowed; set on error */
    size_t body_bytes_max;             /* limit for a batch */
    struct reply_head head;            /* of the response */
    bool is_batch;          /* the head is that of a batch: parse it */
    size_t dropped_size;    /* otherwise: bytes read and dropped */
    int error;              /* the first one found in the body */
    struct json_batch json; /* parses a JSON batch */
};

/* Borrows everything until fetch_reply_end() or fetch_reply_abandon(). The
 * batch must be reset. */
void fetch_reply_begin(struct fetch_reply *reply,
                       const struct fetch_format *format, struct batch *batch,
                       size_t body_bytes_max, struct reason *why);

/* To be called once, before any data. Errors are decided later, with the body.
 * Copies what it needs. */
void fetch_reply_head(struct fetch_reply *reply, const struct http_head *head);

/* Takes the next bytes of the decompressed body. Returns 0, or, with why set,
 * an error for which the request should be aborted: HAPLO_ETOOBIG,
 * HAPLO_EDOCUMENT, HAPLO_ENOMEM, or for an endless page the error that it
 * means. */
int fetch_reply_data(struct fetch_reply *reply, const char *data, size_t size);

/* To be called when the response is complete. Returns 0 if the batch is
 * complete (if it has no messages, form_size is 0); the error that the
 * response means, with why set; or the error that fetch_reply_data() returned.
 * On error the batch has neither messages nor a form. Frees the parser. Either
 * this or fetch_reply_abandon() must be called exactly once after begin. */
int fetch_reply_end(struct fetch_reply *reply);

/* To be called when the request failed. Frees the parser. */
void fetch_reply_abandon(struct fetch_reply *reply);

#endif
