/*
 * socket_watch.h - one uv_poll_t for each of libcurl's sockets, as long as the
 * socket lives.
 *
 *   - libcurl opens a socket: it gets a watch;
 *   - libcurl wants events: the watch is started, or left alone if it already
 *     waits for these;
 *   - libcurl lets the socket go because the transfer has ended: the watch
 *     continues, as the next request is near, but does not keep the loop alive;
 *   - libcurl closes it: first the watch is closed, then the descriptor,
 *     because libuv aborts on a closed descriptor.
 *
 * A socket that fires while libcurl has let it go (a server closes idle
 * connections) is not watched again until libcurl wants it.
 */
#ifndef HTTP_SOCKET_WATCH_H
#define HTTP_SOCKET_WATCH_H

#include <curl/curl.h>

struct http_client;
struct multi;

/* For CURLOPT_OPENSOCKETFUNCTION, with the easy handle as data, and for
 * CURLOPT_CLOSESOCKETFUNCTION, with the client, as a connection may outlive the
 * easy handle that opened it. */
curl_socket_t socket_watch_open_cb(void *data, curlsocktype purpose,
                                   struct curl_sockaddr *address);
int socket_watch_close_cb(void *data, curl_socket_t fd);

/* Does what libcurl's socket callback asks for; `what` is CURL_POLL_*. 0 or
 * HAPLO_ENOMEM. */
int socket_watch_want(struct multi *multi, curl_socket_t fd, int what);

/* To be called when http_client_ref() has changed what the client wants. */
void socket_watch_ref_all(struct http_client *client);

/* Closes those that are left once all of libcurl's handles are gone. */
void socket_watch_close_all(struct http_client *client);

#endif
