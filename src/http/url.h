/*
 * url.h - the two URLs that an endpoint is made from, read and checked: the
 * server's and the proxy's. Neither is ever repeated in a reason, because it
 * may hold a password.
 */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/reason.h"
#include "http/host.h"

struct server_url {
    CURLU *parts;     /* owned; scheme, host and port */
    char *origin;     /* owned; "https://HOST:PORT", to append a path to */
    struct host host; /* where the server is */
    bool is_tls;      /* https */
};

/* Reads https://HOST[:PORT][/], or the same with http if the host is this
 * machine or if allow_http is set. 0, HAPLO_EINVAL with why set, or
 * HAPLO_ENOMEM. Clear it in any case. */
int server_url_read(struct server_url *url, const char *text, bool allow_http,
                    struct reason *why);

void server_url_clear(struct server_url *url);

/* Reads SCHEME://[USER:PASSWORD@]HOST[:PORT] of a proxy. Schemes: http, https,
 * socks5h and socks4a; with the other kinds of SOCKS libcurl would resolve the
 * server's name by itself. The same errors; clear host in any case. */
int proxy_url_read(struct host *host, const char *text, struct reason *why);

#endif
