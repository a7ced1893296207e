/*
 * transfer.h - one HTTP request to an endpoint and its answer.
 *
 * The happy path:
 *
 *   - the name's addresses are known and fresh, or are looked up first;
 *   - an easy handle is taken from the pool, warm for this endpoint if one
 *     is free, and given the path, the headers and the form;
 *   - head_cb, once; data_cb for each piece of the body, unpacked;
 *   - done_cb, once, with error 0: the answer was received whole.
 *
 * "Whole" is what HTTP can tell: all bytes of Content-Length, or the last
 * chunk. A 2xx answer that has neither is an error, HAPLO_EPROTOCOL, as a cut
 * one would look the same; other statuses are taken so. Whether a packed body
 * holds all that was packed is not known here: see to it that the document
 * is complete.
 *
 * Whatever goes wrong on the way ends in done_cb with an error and one line
 * that says what was tried: "connect to 127.0.0.1 port 9: connection refused".
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/http_head.h"
#include "http/endpoint.h"

struct transfer;
struct exchange; /* private: the easy handle that carries it */

struct transfer_result {
    int error;               /* 0: whole answer; HAPLO_ERESOLVE, ECONNECT,
                                ETLS, ETIMEDOUT, ERESET, EPROTOCOL, ENOMEM,
                                or what data_cb returned */
    const char *text;        /* one line, "" if error is 0; borrowed */
    uint64_t retry_after_ms; /* of the Retry-After header; 0: none */
    bool is_repeated;        /* libcurl has sent the request twice, as a kept
                                connection was lost before any answer */
};

/* May not start or cancel transfers. head is borrowed. */
typedef void (*transfer_head_cb)(struct transfer *transfer,
                                 const struct http_head *head);

/* 0, or an error that ends the transfer: done_cb gets it, with text "". */
typedef int (*transfer_data_cb)(struct transfer *transfer, const char *data,
                                size_t size);

/* Last of all; may start transfers, this one included, and free it. */
typedef void (*transfer_done_cb)(struct transfer *transfer,
                                 const struct transfer_result *result);

/* Embedded in its owner. Fill the first part, then start it; all is borrowed
 * until done_cb. */
struct transfer {
    struct endpoint *endpoint;  /* */
    const char *path;           /* "/api/.../fetch" */
    struct curl_slist *headers; /* see credentials.h */
    const char *form;           /* body of a POST; NULL: GET */
    size_t form_size;           /* */
    bool is_unpacked;           /* asks for no gzip: libcurl passes over a
                                   stream that is cut short, so what is read
                                   must show by itself that it is whole */
    transfer_head_cb head_cb;   /* */
    transfer_data_cb data_cb;   /* */
    transfer_done_cb done_cb;   /* */
    /* private */
    struct exchange *exchange; /* while in flight */
};

/* 0, and done_cb fires exactly once, from the loop, never inside this call;
 * or HAPLO_ENOMEM (also when io's transfers_max are in flight), and nothing
 * fires. */
int transfer_start(struct transfer *transfer);

/* Gives a started transfer up: no callback of it fires any more, done_cb
 * neither, and its memory is the caller's again on return. Not from
 * head_cb or data_cb. */
void transfer_cancel(struct transfer *transfer);

#endif
