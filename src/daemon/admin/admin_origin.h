/*
 * admin_origin.h - whether a request comes from where it should: browsers also
 * send requests for pages of other people. Pure.
 *
 *   - A page of another site makes its visitor's browser send a request here.
 *     Browsers say so, in Sec-Fetch-Site and Origin.
 *   - A name of another site is made to point to this machine (DNS rebinding),
 *     so that the browser takes both for the same site. The Host is still that
 *     name, so only known names are served. Addresses cannot be rebound.
 */
#ifndef DAEMON_ADMIN_ORIGIN_H
#define DAEMON_ADMIN_ORIGIN_H

#include <stdbool.h>

/* True if the Host header (or NULL) is an address, localhost or one of these
 * names, with any port. hosts ends in NULL, or is NULL. */
bool admin_host_is_known(const char *host, const char *const *hosts);

/* True if a browser says that another site caused the request. Each header may
 * be NULL. */
bool admin_origin_is_foreign(const char *sec_fetch_site, const char *origin,
                             const char *host);

#endif
