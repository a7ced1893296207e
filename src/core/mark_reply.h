/*
 * mark_reply.h - reads the response to a mark. Servers use three forms:
 * `Marked: N` (2019), `Marked: N, Unread: M` (mid 2020), and
 * {"markedCount":N,"unreadCount":M} (2020-07 and later).
 */
#ifndef CORE_MARK_REPLY_H
#define CORE_MARK_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/http_head.h"
#include "base/reason.h"
#include "core/reply_head.h"

#define MARK_REPLY_BODY_SIZE_MAX 4096 /* no valid response is longer */

struct mark_reply {
    struct reason *why;                  /* borrowed; set on error */
    struct reply_head head;              /* of the response */
    int error;                           /* the first one found in the body */
    size_t dropped_size;                 /* bytes read and dropped */
    size_t body_size;                    /* bytes kept */
    char body[MARK_REPLY_BODY_SIZE_MAX]; /* as received */
    uint64_t marked_count; /* result, if mark_reply_end() returned 0 */
    int64_t unread_count;  /* result; -1: the server does not say */
};

/* Borrows why until mark_reply_end(). */
void mark_reply_begin(struct mark_reply *reply, struct reason *why);

/* To be called once, before any data. Copies what it needs. */
void mark_reply_head(struct mark_reply *reply, const struct http_head *head);

/* Takes the next bytes of the body. Returns 0, or an error for which the
 * request should be aborted: HAPLO_EDOCUMENT if it is too long for the
 * response to a mark, or for an endless page the error that it means. Only the
 * beginning of a page is kept. */
int mark_reply_data(struct mark_reply *reply, const char *data, size_t size);

/* To be called when the response is complete. Returns 0 if the mark is
 * confirmed and the counts are set, or the error that the response means, with
 * why set. There is nothing to free. Any 403 is HAPLO_EREFUSED: the response
 * to a POST does not give the reason, so only a fetch can distinguish a
 * throttle from a refusal. */
int mark_reply_end(struct mark_reply *reply);

#endif
