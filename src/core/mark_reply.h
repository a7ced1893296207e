/*
 * mark_reply.h - reads the answer to a mark, in the three forms that are in
 * the field: `Marked: N` (2019), `Marked: N, Unread: M` (mid 2020) and
 * {"markedCount":N,"unreadCount":M} (2020-07 and later).
 */
#ifndef CORE_MARK_REPLY_H
#define CORE_MARK_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/http_head.h"
#include "core/reply_head.h"

#define MARK_REPLY_BODY_SIZE_MAX 4096 /* more is no answer to a mark */

struct mark_reply {
    struct reason *why;                  /* borrowed; set on error */
    struct reply_head head;              /* of the answer */
    int error;                           /* the first, of the data */
    size_t dropped_size;                 /* bytes read and not kept */
    size_t body_size;                    /* bytes kept */
    char body[MARK_REPLY_BODY_SIZE_MAX]; /* as received */
    uint64_t marked_count; /* out, when mark_reply_end() returned 0 */
    int64_t unread_count;  /* out; -1: the server does not say */
};

/* Borrows why until the end. */
void mark_reply_begin(struct mark_reply *reply, struct reason *why);

/* The head, once, before any data. Copies what it needs of it. */
void mark_reply_head(struct mark_reply *reply, const struct http_head *head);

/* 0, or HAPLO_EDOCUMENT when it is too long to be an answer to a mark and
 * looked like one so far; else only the beginning is kept. Of a page without
 * end, what it means. */
int mark_reply_data(struct mark_reply *reply, const char *data, size_t size);

/* 0: confirmed, counts are set; or the error that the answer means, with why
 * set. Nothing to free. HAPLO_EREFUSED for any 403: a POST is not told the
 * kind, so only a fetch can tell a throttle from a refusal. */
int mark_reply_end(struct mark_reply *reply);

#endif
