/*
 * client.h - an HTTP client on one uv loop: libcurl's multi handles with their
 * sockets and timers, and a pool of easy handles.
 *
 *   http_client_new -> endpoint_new, one for each server
 *                   -> transfer_start ... done_cb, again and again
 *                   -> endpoint_free -> http_client_close
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct reason;
struct http_client;

typedef void (*http_client_close_cb)(struct http_client *client, void *data);

/* Creates it on a loop (borrowed until close_cb). transfers_max is the largest
 * number of transfers that will ever be in flight at once: the bound of the
 * pool. 0, HAPLO_ENOMEM, or with why set HAPLO_EINVAL (0) and HAPLO_ENOTSUP
 * (libcurl lacks something). */
int http_client_new(uv_loop_t *loop, unsigned transfers_max,
                    struct http_client **result, struct reason *why);

/* Whether its handles keep the loop alive; they do at first. Look-ups always
 * do. */
void http_client_ref(struct http_client *client, bool keeps_alive);

/* Allows more transfers; a lower number changes nothing. */
void http_client_allow(struct http_client *client, unsigned transfers_max);

/* Cancels all transfers without calling them back, and frees itself; fires
 * close_cb (may be NULL) once from the loop when no handle and no look-up is
 * left. Free the endpoints before it, or after it before the loop runs on. May
 * be called from done_cb. */
void http_client_close(struct http_client *client,
                       http_client_close_cb close_cb, void *data);

/* Connections opened since the start, failed ones included. */
uint64_t http_client_connection_count(const struct http_client *client);

#endif
