/*
 * reply_head.h - the parts of a response head that are kept until the body is
 * complete, and the meaning of responses that neither a fetch nor a mark
 * expects.
 */
#ifndef CORE_REPLY_HEAD_H
#define CORE_REPLY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/http_head.h"
#include "base/reason.h"

/* How much of an unexpected body is read to keep the connection reusable. */
#define REPLY_PAGE_SIZE_MAX 1048576
#define REPLY_HEAD_TYPE_SIZE_MAX 128     /* no expected type is longer */
#define REPLY_HEAD_LOCATION_SIZE_MAX 512 /* a reason holds no more */

struct reply_head {
    long status;          /* 0: unknown so far */
    int64_t content_size; /* of the uncompressed body; -1: unknown */
    char content_type[REPLY_HEAD_TYPE_SIZE_MAX]; /* "": none */
    char location[REPLY_HEAD_LOCATION_SIZE_MAX]; /* "": none */
};

/* Initialises it before the head has arrived. */
void reply_head_init(struct reply_head *head);

/* Copies the head; truncates long values. */
void reply_head_set(struct reply_head *head, const struct http_head *from);

/* Is this the content type? Ignores case, and parameters such as ";
 * charset=utf-8". */
bool reply_head_is_type(const struct reply_head *head, const char *type);

/* Returns the error for a status other than 200 or 403, and sets why from it
 * and from the beginning of the body: HAPLO_EREDIRECT, HAPLO_ENOTFOUND,
 * HAPLO_ESERVER, HAPLO_ELIMITED or HAPLO_ESTATUS. (Fetch and mark treat 403
 * differently.) */
int reply_head_status_error(const struct reply_head *head, const char *body,
                            size_t size, struct reason *why);

/* Sets why for status 200 with an unexpected content type and returns
 * HAPLO_ECONTENT. Servers respond like this, with a page, to a wrong queue or
 * a missing permission. Only a page is quoted: the output of a formatter may
 * contain personal data. */
int reply_head_content_error(const struct reply_head *head,
                             const char *expected, const char *body,
                             size_t size, struct reason *why);

#endif
