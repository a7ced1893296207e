/*
 * endpoint.h - one server as seen from the network: its URL, the addresses
 * its name stands for, TLS settings and time limits.
 *
 * Names are resolved by uv_getaddrinfo, for libcurl's own resolver thread can
 * block the loop on cancel, and pinned with CURLOPT_RESOLVE.
 */
#ifndef HTTP_ENDPOINT_H
#define HTTP_ENDPOINT_H

#include "base/reason.h"
#include "haplopoll.h"
#include "http/io.h"

struct endpoint;

/* Copies the options (url, allow_http, tls_*, proxy, in_flight_max, *_ms; all
 * defaults already filled in). HAPLO_EINVAL with why set for a URL that is
 * not https://HOST[:PORT][/] (http to loopback, or with allow_http, too; no
 * user, query or fragment), HAPLO_ENOMEM. */
int endpoint_new(struct io *io, const struct haplo_server_options *options,
                 struct endpoint **result, struct reason *why);

/* No transfer may be in flight on it. Frees what it can now and the rest when
 * a name look-up under way has ended. */
void endpoint_free(struct endpoint *endpoint);

#endif
