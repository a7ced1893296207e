/*
 * transfer.h - one HTTP call to an endpoint: a request and its response.
 *
 * The happy path:
 *
 *   - the name's addresses are known and fresh, or are looked up first;
 *   - an easy handle is taken from the pool, warm for this endpoint if one
 *     is free, and given the path, the headers and the body;
 *   - head_cb, once; data_cb for each piece of the body, decompressed;
 *   - done_cb, once, with error 0: the response is complete.
 *
 * "Complete" is what HTTP can tell: all bytes of Content-Length, or the last
 * chunk. A 2xx response whose head does not clearly announce one of these is an
 * error, HAPLO_EPROTOCOL, because a truncated one would look the same. So is
 * one that is older than its request, HAPLO_ECACHED, because it says nothing
 * about this one. Other statuses are accepted without, and with
 * is_status_enough any. Whether a compressed body holds all that was compressed
 * is not known here: check that the document is complete.
 *
 * Every failure ends in done_cb with an error and one line that says what was
 * tried: "connect to 127.0.0.1 port 9: connection refused".
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/http_head.h"
#include "http/endpoint.h"

struct transfer;
struct easy; /* private: the easy handle that carries it */

struct transfer_result {
    int error;           /* 0: complete; HAPLO_ERESOLVE, ECONNECT, EPROXY, ETLS,
                            ETIMEDOUT, ERESET, EPROTOCOL, ECACHED, ENOMEM,
                            or what data_cb returned */
    const char *text;    /* one line, "" if error is 0; borrowed */
    const char *warning; /* one line for operators: a file cannot be used
                            as it is now; "": none; borrowed */
    uint64_t retry_after_ms; /* of the Retry-After header; 0: none */
    bool is_repeated;        /* libcurl has sent the request twice: it lost a
                                reused connection before any response */
};

/* The transfer had to wait for a look-up of the name, or found that the name
 * has moved, and is about to begin. 0, or an error with why set, which ends it.
 * May not start or cancel transfers. */
typedef int (*transfer_resolved_cb)(const struct transfer *transfer,
                                    struct reason *why);

/* May not start or cancel transfers. head is borrowed. */
typedef void (*transfer_head_cb)(struct transfer *transfer,
                                 const struct http_head *head);

/* 0, or an error that ends the transfer: done_cb gets it, with text "". */
typedef int (*transfer_data_cb)(struct transfer *transfer, const char *data,
                                size_t size);

/* Called last; may start transfers, including this one, and free it. */
typedef void (*transfer_done_cb)(struct transfer *transfer,
                                 const struct transfer_result *result);

/* Embedded in its owner. Fill the first part, then start it; all of it is
 * borrowed until done_cb. */
struct transfer {
    struct endpoint *endpoint;  /* which server */
    const char *path;           /* and query, sent as they are */
    const char *method;         /* NULL: POST if there is a body, or GET */
    struct curl_slist *headers; /* whole lines: User-Agent, and those of the
                                   body; "Expect:" if it may have 1 MiB */
    const char *body;           /* NULL: none */
    size_t body_size;           /* in bytes */
    bool is_uncompressed;       /* does not offer to accept gzip: libcurl does
                                   not notice a truncated stream, so what is
                                   accepted must show its own end */
    bool is_status_enough;      /* the status says it all: a success need not
                                   show where its body ends */
    transfer_resolved_cb resolved_cb; /* or NULL */
    transfer_head_cb head_cb;         /* required, like the next two */
    transfer_data_cb data_cb;         /* for each piece of the body */
    transfer_done_cb done_cb;         /* once, at the end */
    /* private */
    struct easy *easy; /* while in flight */
};

/* Returns 0, and done_cb fires exactly once, from the loop and never inside
 * this call; or HAPLO_ENOMEM (also if transfers_max of the client are in
 * flight), and nothing fires. */
int transfer_start(struct transfer *transfer);

/* Cancels a transfer: none of its callbacks fires any more, not even done_cb,
 * and the caller owns its memory again. Must not be called from head_cb or
 * data_cb. */
void transfer_cancel(struct transfer *transfer);

#endif
