/*
 * reply_head.h - what is kept of an answer's head until its body is whole,
 * and what an answer means that is none of the expected ones; fetch and mark
 * share it.
 */
#ifndef CORE_REPLY_HEAD_H
#define CORE_REPLY_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "base/http_head.h"

#define REPLY_PAGE_SIZE_MAX                                                    \
    1048576                              /* read of what is no answer, so that \
                                            the connection can be kept */
#define REPLY_HEAD_TYPE_SIZE_MAX 128     /* longer is none that is expected */
#define REPLY_HEAD_LOCATION_SIZE_MAX 512 /* more does not fit in a reason */

struct reply_head {
    long status;                                 /* 0: not known yet */
    int64_t content_size;                        /* unpacked; -1: not known */
    char content_type[REPLY_HEAD_TYPE_SIZE_MAX]; /* "" if there is none */
    char location[REPLY_HEAD_LOCATION_SIZE_MAX]; /* "" if there is none */
};

/* Before the head has arrived. */
void reply_head_init(struct reply_head *head);

/* Copies what it has room for. */
void reply_head_set(struct reply_head *head, const struct http_head *from);

/* Whether the content type is type; neither's parameters ("; charset=utf-8")
 * and case matter. */
bool reply_head_is_type(const struct reply_head *head, const char *type);

/* The error that a status other than 200 means, with why set from it and from
 * what the beginning of the body says: HAPLO_EREDIRECT, HAPLO_ENOTFOUND,
 * HAPLO_ESERVER, HAPLO_ESTATUS. Not for 403: only a fetch is told more. */
int reply_head_status_error(const struct reply_head *head, const char *body,
                            size_t size, struct reason *why);

/* Sets why for 200 with another content type: HAPLO_ECONTENT. Servers answer
 * so, with a page, for a wrong queue and for a missing permission. Only a page
 * is quoted: what a formatter makes may hold somebody's data. */
int reply_head_content_error(const struct reply_head *head,
                             const char *expected, const char *body,
                             size_t size, struct reason *why);

#endif
