/*
 * multi.h - one of libcurl's multi handles, run by the uv loop.
 *
 * There are several of them: libcurl walks through all connections of a
 * multi handle whenever a transfer ends, so each gets a bounded number. And
 * each has the certificates of one CA file, see trust.h, so endpoints with
 * different CA files do not share one.
 */
#ifndef HTTP_MULTI_H
#define HTTP_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

#define MULTI_CONNECTIONS_MAX 60 /* that one of them promises to endpoints */
#define MULTI_COUNT_MAX 512      /* then CA files and multis are shared */

struct http_client;
struct trust;

struct multi {
    struct http_client *client; /* its owner */
    CURLM *curlm;               /* owned; NULL: given up, or closed */
    unsigned generation;        /* of curlm, whose cache is not shared */
    uv_timer_t timer;           /* when libcurl wants to be called, */
    uv_idle_t idle;             /* or in the next iteration of the loop */
    struct trust *trust;        /* of the CA file of its first endpoint */
    unsigned promised;          /* connections, to endpoints */
    bool is_stuck;              /* see multi_continue() in multi.c */
    TAILQ_ENTRY(multi) link;    /* in client->multis */
};

/* The multi handle with the fewest promises that has room for `connections`
 * (at most MULTI_CONNECTIONS_MAX) more, which are promised with it. NULL when
 * there is no memory. */
struct multi *multi_promise(struct http_client *client, const char *ca_file,
                            unsigned connections);

/* Releases a promise. */
void multi_withdraw(struct multi *multi, unsigned connections);

/* Adds an easy handle to the multi handle, or removes it in any state. 0 or
 * HAPLO_ENOMEM. */
int multi_add(struct multi *multi, CURL *curl);
void multi_remove(struct multi *multi, CURL *curl);

/* To be called when http_client_ref() has changed what its client wants. */
void multi_ref(struct multi *multi);

/* libcurl may act on a socket, or on CURL_SOCKET_TIMEOUT; then transfers that
 * have ended are passed on. The client may be closing when it returns. */
void multi_act(struct multi *multi, curl_socket_t fd, int flags);

/* Closes its connections and handles; it is freed later. No easy handle may
 * be in it. */
void multi_close(struct multi *multi);

#endif
