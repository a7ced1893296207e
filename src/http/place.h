/*
 * place.h - a host and a port, out of a URL.
 */
#ifndef HTTP_PLACE_H
#define HTTP_PLACE_H

#include <curl/curl.h>
#include <stdbool.h>

struct place {
    char *host;    /* owned; as a URL has it: IPv6 in brackets */
    unsigned port; /* */
    bool is_known; /* an address, or localhost: nothing to look up */
};

/* Reads it out of a URL; port_default is for one that names no port. 0,
 * HAPLO_EINVAL (no host) or HAPLO_ENOMEM. Clear it in either case. */
int place_read(struct place *place, CURLU *url, unsigned port_default);

void place_clear(struct place *place);

/* True if it is this machine: localhost, 127.0.0.0/8 or [::1]. */
bool place_is_loopback(const struct place *place);

#endif
