/*
 * json_batch.h - reads a JSON batch while it arrives and slices it: each
 * message is the exact bytes that the server sent.
 *
 * The document is in the body of the batch; json_batch_feed() is called after
 * each append. It sets slices, token and form as it finds them; they are not
 * valid before json_batch_finish() has returned 0.
 */
#ifndef CORE_JSON_BATCH_H
#define CORE_JSON_BATCH_H

#include <stddef.h>

#include "base/reason.h"
#include "core/batch.h"
#include "core/fetch_format.h"
#include "core/json_pointer.h"
#include "core/json_reader.h"

/* The members of a message that a batch exposes. */
enum json_member { JSON_MEMBER_NONE, JSON_MEMBER_ID, JSON_MEMBER_DATETIME };

struct json_batch {
    const struct fetch_format *format; /* borrowed */
    struct batch *batch;               /* borrowed; filled */
    struct reason *why;                /* borrowed; set on error */
    struct json_cursor version;        /* default shape only */
    struct json_cursor token;          /* detects the token */
    struct json_cursor messages;       /* detects the array of messages */
    size_t depth_max;                  /* greatest depth of those three */
    unsigned version_count;            /* times it was found */
    unsigned token_count;              /* times it was found */
    unsigned messages_count;           /* times it was found */
    size_t before;                     /* end of the JSON token before the one
                                        * whose start may be asked for */
    size_t element_depth;              /* depth around a message; 0: outside */
    size_t element_start;              /* offset of the open message */
    enum json_member member;           /* whose value is next, or open */
    size_t member_start;               /* offset of that value, while open */
    int error;                         /* set by an event */
    struct json_reader reader;         /* source of the events */
};

/* Borrows everything until json_batch_free(). The batch must be reset. */
void json_batch_init(struct json_batch *json, const struct fetch_format *format,
                     struct batch *batch, struct reason *why);

/* Reads what has been appended to the body. Returns 0, HAPLO_EDOCUMENT,
 * HAPLO_ETOOBIG or HAPLO_ENOMEM, with why set. */
int json_batch_feed(struct json_batch *json);

/* To be called when the body is complete. Returns 0 or an error as above. */
int json_batch_finish(struct json_batch *json);

/* Frees the reader; leaves the batch. */
void json_batch_free(struct json_batch *json);

#endif
