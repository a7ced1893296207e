/*
 * host.h - a host and a port, as a URL names them.
 */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include <curl/curl.h>
#include <stdbool.h>

struct host {
    char *name;    /* owned; as in a URL: IPv6 addresses in brackets */
    unsigned port; /* given in the URL, or the default */
    bool is_known; /* an address, or localhost: nothing to look up */
};

/* Reads it from a URL; port_default is for one that names no port. 0,
 * HAPLO_EINVAL (no host) or HAPLO_ENOMEM. Clear it in any case. */
int host_read(struct host *host, CURLU *url, unsigned port_default);

void host_clear(struct host *host);

/* The addresses of a known host: "192.0.2.1", or "127.0.0.1,[::1]". Otherwise
 * NULL. */
const char *host_known_addresses(const struct host *host);

/* True if it is this machine: localhost, *.localhost, 127.0.0.0/8 or [::1]. */
bool host_is_loopback(const struct host *host);

#endif
