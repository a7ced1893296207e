/*
 * server_url.h - is this a URL that a server or a proxy can have?
 */
#ifndef DAEMON_SERVER_URL_H
#define DAEMON_SERVER_URL_H

#include <stdbool.h>
#include <stddef.h>

/* 0, or -1 with why set: what is wrong, and what to do. A URL that may hold a
 * password is not shown in it. *is_clear tells that keys would cross a
 * network in clear: http, to another host than this one. */
int server_url_check(const char *url, bool *is_clear, char *why,
                     size_t why_size);
int proxy_url_check(const char *url, char *why, size_t why_size);

#endif
