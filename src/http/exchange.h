/*
 * exchange.h - an easy handle of libcurl and the transfer that it carries.
 *
 * Exchanges are pooled. A free one stays set up ("warm") for its endpoint:
 * then only path, headers and form are set for the next request. When the
 * pool is full, the one that was not used for the longest is set up anew.
 *
 *   FREE --> RESOLVING ----> CONNECTING --> WAITING --> RECEIVING
 *     |                        ^              |            |
 *     +------------------------+              |            |
 *     ^                                       |            |
 *     +--- (all of them, at the end) ---------+------------+
 *
 * WAITING goes to CONNECTING's work again, unseen, when libcurl finds that
 * the server has closed a connection just as it was used once more.
 */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/reason.h"
#include "http/answer_line.h"
#include "http/transfer.h"

struct addresses;
struct io;
struct lookup;
struct slot;

enum exchange_phase {
    EXCHANGE_FREE,       /* in the pool */
    EXCHANGE_RESOLVING,  /* waits for a name's addresses */
    EXCHANGE_CONNECTING, /* handed to libcurl: finds or makes a connection */
    EXCHANGE_WAITING,    /* has one, sends the request, no answer yet */
    EXCHANGE_RECEIVING   /* the answer has begun */
};

struct exchange {
    CURL *easy;                       /* owned */
    struct io *io;                    /* */
    struct endpoint *endpoint;        /* set up for it; or NULL */
    struct slot *slot;                /* of the endpoint: which multi */
    struct addresses *addresses;      /* held; what is pinned, or NULL */
    unsigned pin_generation;          /* of the multi that has read it */
    struct transfer *transfer;        /* carried; NULL while FREE */
    enum exchange_phase phase;        /* */
    struct lookup *lookup;            /* while RESOLVING */
    bool is_added;                    /* to the slot's multi */
    bool is_post;                     /* how the easy handle is set */
    bool is_unpacked;                 /* the same; see struct transfer */
    bool sees_lines;                  /* before libcurl acts on them */
    struct answer_lines lines;        /* of the answer's head */
    bool is_head_whole;               /* its last line has arrived */
    bool is_headed;                   /* head_cb was called */
    bool is_repeated;                 /* libcurl has sent it twice */
    int error;                        /* ends the transfer; 0: none */
    int open_errno;                   /* why no socket could be made */
    uint64_t started_ms;              /* when the transfer was started */
    uint64_t progress_ms;             /* the phase's begin, or newest byte */
    int64_t progress_bytes;           /* raw ones, as last looked at */
    char *whole_url;                  /* owned; see exchange_aim() */
    size_t whole_url_size;            /* room in it */
    TAILQ_ENTRY(exchange) queue_link; /* FREE: io->free; or a lookup's */
    LIST_ENTRY(exchange) warm_link;   /* FREE: of its endpoint */
    LIST_ENTRY(exchange) busy_link;   /* else: io->busy or io->expired */
    char detail[CURL_ERROR_SIZE];     /* libcurl's own words */
    struct reason why;                /* the text that goes with error */
};

/* Takes one out of the pool for the transfer and sets it up. NULL when there
 * is no memory, or when transfers_max are busy. */
struct exchange *exchange_acquire(struct transfer *transfer);

/* Hands it to libcurl, with the addresses known now. 0 or HAPLO_ENOMEM. */
int exchange_begin(struct exchange *exchange);

/* Back into the pool, from any phase. A connection in the middle of an
 * answer is closed. */
void exchange_release(struct exchange *exchange);

/* Ends the transfer from the loop; for use inside libcurl's callbacks. The
 * first error stands. Returns it. */
int exchange_fail(struct exchange *exchange, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Calls head_cb unless that was done. 0, or an error that ends the transfer
 * (the head cannot be accepted). */
int exchange_tell_head(struct exchange *exchange);

/* Forgets its endpoint. It must be FREE. */
void exchange_reset(struct exchange *exchange);

/* It must be FREE. */
void exchange_free(struct exchange *exchange);

#endif
