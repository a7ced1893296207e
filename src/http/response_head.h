/*
 * response_head.h - the head of a response, as libcurl knows it.
 */
#ifndef HTTP_RESPONSE_HEAD_H
#define HTTP_RESPONSE_HEAD_H

#include "base/http_head.h"

struct easy;

struct response_head {
    struct http_head http; /* borrows from libcurl */
    char *location;        /* libcurl's memory; or NULL */
};

/* Reads the head of the response. 0, or HAPLO_ERESET, HAPLO_EPROTOCOL,
 * HAPLO_ECACHED or HAPLO_ENOMEM with the handle's reason set. Clear it in any
 * case. */
int response_head_read(struct response_head *head, struct easy *easy);

void response_head_clear(struct response_head *head);

#endif
