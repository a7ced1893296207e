/*
 * answer_head.h - the head of an answer, as libcurl has it.
 */
#ifndef HTTP_ANSWER_HEAD_H
#define HTTP_ANSWER_HEAD_H

#include "core/http_head.h"

struct exchange;

struct answer_head {
    struct http_head http; /* */
    char *location;        /* libcurl's memory; or NULL */
};

/* Reads the head of the exchange's answer. 0, or HAPLO_ERESET or
 * HAPLO_EPROTOCOL with the exchange's reason set. Clear it in either case. */
int answer_head_read(struct answer_head *head, struct exchange *exchange);

void answer_head_clear(struct answer_head *head);

#endif
