/*
 * http_head.h - the part of an HTTP response before its body.
 */
#ifndef BASE_HTTP_HEAD_H
#define BASE_HTTP_HEAD_H

#include <stdint.h>

struct http_head {
    long status;              /* 200, 403 ... */
    const char *content_type; /* as sent; NULL: none */
    const char *location;     /* target of a 3xx, absolute; NULL: none */
    int64_t content_size;     /* of the decompressed body; -1: unknown */
};

#endif
