/*
 * json_batch.h - reads a batch in JSON while it arrives, and slices it: each
 * message is the exact bytes that the server sent.
 *
 * The document lies in the batch's body; json_batch_feed() is called after
 * each append. Slices, token and form are set as they go by, and mean nothing
 * before json_batch_finish() has returned 0.
 */
#ifndef CORE_JSON_BATCH_H
#define CORE_JSON_BATCH_H

#include <stddef.h>

#include "base/reason.h"
#include "core/batch.h"
#include "core/fetch_format.h"
#include "core/json_pointer.h"
#include "core/json_reader.h"

/* The members of a message that a batch tells. */
enum json_member { JSON_MEMBER_NONE, JSON_MEMBER_ID, JSON_MEMBER_DATETIME };

struct json_batch {
    const struct fetch_format *format; /* borrowed */
    struct haplo_batch *batch;         /* borrowed; filled */
    struct reason *why;                /* borrowed; set on error */
    struct json_cursor version;        /* default shape only */
    struct json_cursor token;          /* tells when it goes by */
    struct json_cursor messages;       /* the same */
    size_t depth_max;                  /* where the three can be, at most */
    unsigned version_count;            /* how often it went by */
    unsigned token_count;              /* the same */
    unsigned messages_count;           /* the same */
    size_t before;                     /* end of the token before the next one
                                        * whose beginning may be asked for */
    size_t element_depth;              /* around a message; 0: outside */
    size_t element_start;              /* of the message that is open */
    enum json_member member;           /* whose value comes next or is open */
    size_t member_start;               /* of that value, when it is open */
    int error;                         /* found by an event */
    struct json_reader reader;         /* tells the events */
};

/* Borrows all until json_batch_free(). The batch must be reset. */
void json_batch_init(struct json_batch *json, const struct fetch_format *format,
                     struct haplo_batch *batch, struct reason *why);

/* Reads what has been appended to the body: 0, HAPLO_EDOCUMENT, HAPLO_ETOOBIG
 * or HAPLO_ENOMEM, with why set. */
int json_batch_feed(struct json_batch *json);

/* The body is whole: 0 or an error as above. */
int json_batch_finish(struct json_batch *json);

/* Frees what the reading needed; the batch stays. */
void json_batch_free(struct json_batch *json);

#endif
