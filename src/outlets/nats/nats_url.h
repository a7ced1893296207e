/*
 * nats_url.h - the URL of a NATS server: nats://HOST[:PORT], or tls:// where
 * TLS is required. Never with a user or a password, as URLs are shown. Pure.
 */
#ifndef OUTLETS_NATS_URL_H
#define OUTLETS_NATS_URL_H

#include <stdbool.h>

#include "base/reason.h"

#define NATS_HOST_SIZE_MAX 256

struct nats_url {
    char host[NATS_HOST_SIZE_MAX]; /* IPv6 addresses without brackets */
    bool is_tls;                   /* tls:// */
    bool is_loopback;              /* this machine */
};

/* Returns 0, or HAPLO_EINVAL with why set. why never quotes the URL. */
int nats_url_read(struct nats_url *url, const char *text, struct reason *why);

#endif
