/*
 * webhook_url.h - the URL of a webhook, as origin and path.
 */
#ifndef OUTLETS_WEBHOOK_URL_H
#define OUTLETS_WEBHOOK_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

struct webhook_url {
    char *origin; /* owned; "https://HOST:PORT" */
    char *path;   /* owned; "/path?query", sent as it is */
};

/* Reads and checks it. 0, HAPLO_EINVAL with why set, or HAPLO_ENOMEM. Free it
 * in any case. */
int webhook_url_read(struct webhook_url *url, const char *text, bool allow_http,
                     struct reason *why);

/* True if a text contains its path or its query, which may be secret. */
bool webhook_url_is_in(const struct webhook_url *url, const char *text,
                       size_t size);

void webhook_url_free(struct webhook_url *url);

#endif
