/*
 * http_server.h - the HTTP server of the tests, on the test's own loop. It
 * never keeps the loop alive by itself.
 *
 * It answers each request, on any connection, with the next line of its
 * script. A test that needs more sets request_cb instead, which answers at
 * once or later with http_peer_send().
 *
 * A failure of the server itself aborts the test.
 */
#ifndef TEST_HTTP_SERVER_H
#define TEST_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "http_tls.h"

#define HTTP_REQUEST_SIZE_MAX 4194304 /* more is a runaway client */

enum script_end {
    SCRIPT_KEEP,  /* the connection stays open */
    SCRIPT_CLOSE, /* closed in order, once all has been sent */
    SCRIPT_RESET  /* closed with RST */
};

struct script_line {
    const char *bytes;   /* of the response; NULL: none, ever */
    size_t size;         /* 0: strlen(bytes) */
    enum script_end end; /* what follows them */
    uint64_t drip_ms;    /* not 0: a byte at a time, so far apart */
};

/* A connection. */
struct http_peer {
    uv_tcp_t tcp;               /* the socket */
    uv_timer_t drip;            /* to the next byte of line */
    SSL *ssl;                   /* owned; NULL: plain */
    struct http_server *server; /* which has accepted it */
    char *request;              /* owned; as far as received, NUL at its end */
    size_t request_size;        /* received so far */
    size_t request_room;        /* allocated */
    struct script_line line;    /* being dripped */
    size_t dripped;             /* bytes of it */
    unsigned write_count;       /* outstanding */
    bool closes_when_sent;      /* http_peer_close() waits for these */
    unsigned open_handles;      /* tcp and drip */
    void *data;                 /* request_cb's */
    LIST_ENTRY(http_peer) link; /* of its server */
};

/* peer->request is complete; it is valid until the next one. */
typedef void (*http_request_cb)(struct http_peer *peer);

struct http_server {
    uv_tcp_t tcp;                        /* listens */
    int port;                            /* chosen by the system; 0: not open */
    http_request_cb request_cb;          /* answers; initially by the script */
    void (*gone_cb)(struct http_peer *); /* a connection is closing; or NULL */
    void *data;                          /* the test's */
    const struct script_line *lines;     /* borrowed */
    unsigned line_count;                 /* the last one repeats */
    unsigned request_count;              /* complete requests received */
    unsigned peer_count;                 /* connections accepted */
    SSL_CTX *tls;                        /* of new ones; borrowed, or NULL */
    char *request;                       /* owned; the newest; never NULL */
    LIST_HEAD(, http_peer) peers;        /* open connections */
};

/* Listens on a free port of 127.0.0.1. */
void http_server_open(struct http_server *server, uv_loop_t *loop);

/* The same there; port 0: a free one. */
void http_server_open_at(struct http_server *server, uv_loop_t *loop,
                         const char *ip, int port);

/* From here on. Also resets request_count. */
void http_server_script(struct http_server *server,
                        const struct script_line *lines, unsigned count);

/* Closes the connections that are open, as servers do with idle ones. */
void http_server_drop_peers(struct http_server *server);

/* Its handles are gone once the loop has run. */
void http_server_close(struct http_server *server);

/* Copies the bytes, and sends them after what was sent before. */
void http_peer_send(struct http_peer *peer, const char *bytes, size_t size);

/* Closes it once all has been sent. */
void http_peer_close(struct http_peer *peer);

/* Closes it at once, with RST. */
void http_peer_reset(struct http_peer *peer);

#endif
