/*
 * url_path.h - rules for the paths of a server: the one that its URL may end
 * with, and those of a fetch and a mark, in which {queue} stands for the name
 * of the queue.
 *
 * A path is sent as it is written, so it must not need encoding. It has no
 * empty segment and no "." or "..", which proxies rewrite, and no query, which
 * proxies and servers write to their logs.
 */
#ifndef POLLER_URL_PATH_H
#define POLLER_URL_PATH_H

#include <stdbool.h>

#include "base/reason.h"

#define URL_PATH_QUEUE "{queue}"

/* True for the characters that a path may contain unencoded (RFC 3986, 3.3),
 * other than the slash. */
bool url_path_has(char c);

/* Check a path, and one with {queue} in it. Return 0, or HAPLO_EINVAL with why
 * set, which never contains the path. */
int url_path_check(const char *path, struct reason *why);
int url_template_check(const char *path, struct reason *why);

#endif
