/*
 * socket_watch.h - one uv_poll_t for each of libcurl's sockets, for as long as
 * the socket lives.
 *
 *   - libcurl opens a socket: it is watched from then on;
 *   - libcurl wants events: the watch is started, or left alone if it waits
 *     for them already;
 *   - libcurl lets the socket go, for its request is answered: the watch
 *     goes on, as the next request is near, but does not hold the loop;
 *   - libcurl closes it: first the watch is closed, then the descriptor, for
 *     libuv aborts on one that is gone.
 *
 * A socket that fires while libcurl has let it go (a server closes idle
 * connections) is not watched any further until libcurl wants it again.
 */
#ifndef HTTP_SOCKET_WATCH_H
#define HTTP_SOCKET_WATCH_H

#include <curl/curl.h>

struct http_client;
struct multi;

/* For CURLOPT_OPENSOCKETFUNCTION, with the easy as data, and for
 * CURLOPT_CLOSESOCKETFUNCTION, with client, as a connection may outlive the
 * easy that made it. */
curl_socket_t socket_watch_open_cb(void *data, curlsocktype purpose,
                                   struct curl_sockaddr *address);
int socket_watch_close_cb(void *data, curl_socket_t fd);

/* Does what libcurl's socket callback asks for; `what` is CURL_POLL_*. 0 or
 * HAPLO_ENOMEM. */
int socket_watch_want(struct multi *multi, curl_socket_t fd, int what);

/* Closes those that are left when all of libcurl's handles are gone. */
void socket_watch_close_all(struct http_client *client);

#endif
