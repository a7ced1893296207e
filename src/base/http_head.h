/*
 * http_head.h - what an HTTP response says before its body.
 */
#ifndef BASE_HTTP_HEAD_H
#define BASE_HTTP_HEAD_H

#include <stdint.h>

struct http_head {
    long status;              /* 200, 403 ... */
    const char *content_type; /* as sent; NULL if there is none */
    const char *location;     /* where a 3xx points, absolute; or NULL */
    int64_t content_size;     /* of the decompressed body; -1: not known */
};

#endif
