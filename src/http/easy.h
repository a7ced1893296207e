/*
 * easy.h - one of libcurl's easy handles, and the transfer that it carries.
 *
 * Easy handles are pooled. A free one stays set up ("warm") for its endpoint,
 * so that only path, headers and body are set for the next transfer. When the
 * pool is full, the least recently used one is set up for another endpoint.
 *
 *   FREE --> RESOLVING ----> CONNECTING --> WAITING --> RECEIVING
 *     |                        ^              |            |
 *     +------------------------+              |            |
 *     ^                                       |            |
 *     +--- (all of them, at the end) ---------+------------+
 *
 * WAITING repeats the work of CONNECTING, unseen, when libcurl finds that the
 * server closed a connection just as it was reused. CONNECTING begins again
 * when a connection leads to an address that the name no longer has.
 */
#ifndef HTTP_EASY_H
#define HTTP_EASY_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/reason.h"
#include "http/response_line.h"
#include "http/transfer.h"

struct addresses;
struct http_client;
struct lookup;
struct slot;
struct trust;

enum easy_phase {
    EASY_FREE,       /* in the pool */
    EASY_RESOLVING,  /* waits for a name's addresses */
    EASY_CONNECTING, /* handed to libcurl: finds or makes a connection */
    EASY_WAITING,    /* has one, sends the request, no response yet */
    EASY_RECEIVING   /* the response has begun */
};

struct easy {
    CURL *curl;                   /* owned */
    struct http_client *client;   /* owner of the pool */
    struct endpoint *endpoint;    /* it is set up for; or NULL */
    struct slot *slot;            /* its multi handle */
    struct addresses *addresses;  /* held; the pinned ones, or NULL */
    unsigned pin_generation;      /* of the multi handle that has read it */
    struct transfer *transfer;    /* carried; NULL while FREE */
    enum easy_phase phase;        /* see above */
    struct lookup *lookup;        /* while RESOLVING */
    bool is_added;                /* to the slot's multi */
    bool has_body;                /* these three: how curl is set */
    bool has_method;              /* other than the usual one */
    bool is_uncompressed;         /* see struct transfer */
    struct trust *trust;          /* to be set before each transfer; or NULL */
    unsigned trust_version;       /* of that; 0: not set */
    unsigned certificate_version; /* of the endpoint's; 0: not set */
    bool sees_lines;              /* before libcurl acts on them */
    struct response_lines lines;  /* of the response's head */
    bool is_head_told;            /* head_cb was called */
    bool is_repeated;             /* libcurl has sent the request twice */
    bool is_misled;               /* its connection leads to an old address */
    int error;                    /* ends the transfer; 0: none */
    int open_errno;               /* why no socket could be opened */
    int verify_error;             /* X509_V_ERR_* of the peer; 0: none known */
    uint64_t started_ms;          /* when the transfer was started */
    uint64_t sent_ms;             /* when its request was sent, or sent again */
    uint64_t progress_ms;         /* the phase's begin, or newest byte */
    int64_t progress_bytes;       /* on the wire, as last looked at */
    char *whole_url;              /* owned; see easy_target() */
    size_t whole_url_size;        /* allocated for it */
    TAILQ_ENTRY(easy) queue_link; /* FREE: client->free; or a lookup's */
    LIST_ENTRY(easy) warm_link;   /* FREE: of its endpoint */
    LIST_ENTRY(easy) busy_link;   /* else: client->busy or client->expired */
    char detail[CURL_ERROR_SIZE]; /* error text of libcurl */
    struct reason why;            /* text of error */
    struct reason warning;        /* what an operator should know; or "" */
};

/* True from when the connection is established. */
static inline bool easy_is_connected(const struct easy *easy)
{
    return easy->phase == EASY_WAITING || easy->phase == EASY_RECEIVING;
}

/* Takes one out of the pool for the transfer and sets it up. NULL when there
 * is no memory, or when transfers_max are busy. */
struct easy *easy_acquire(struct transfer *transfer);

/* Hands it to libcurl, with the addresses known now. 0; HAPLO_ENOMEM or
 * HAPLO_ETLS (its certificate cannot be used), with its reason set. */
int easy_begin(struct easy *easy);

/* Takes it back from libcurl to begin it again, after is_misled ended it. */
void easy_take_back(struct easy *easy);

/* Returns it to the pool, from any phase. A connection in the middle of a
 * response is closed. */
void easy_release(struct easy *easy);

/* Ends the transfer from the loop; for use inside libcurl's callbacks. The
 * first error is kept. Returns it. */
int easy_fail(struct easy *easy, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Calls head_cb unless that was done. 0, or an error that ends the transfer
 * (the head cannot be accepted). */
int easy_tell_head(struct easy *easy);

/* Forgets its endpoint. It must be FREE. */
void easy_reset(struct easy *easy);

/* Frees it. It must be FREE. */
void easy_free(struct easy *easy);

#endif
