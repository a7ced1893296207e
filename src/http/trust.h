/*
 * trust.h - the certificates of a CA file, parsed once for all multi handles.
 *
 * libcurl caches them as well, but separately for each multi handle: with
 * Debian's bundle that is 15 ms and 0.9 MB for every 60 connections. So if
 * libcurl uses the same OpenSSL that is linked here, each new connection is
 * lent the shared certificates. Verification is OpenSSL's and libcurl's in any
 * case. With another TLS library, libcurl reads the file itself.
 */
#ifndef HTTP_TRUST_H
#define HTTP_TRUST_H

#include <curl/curl.h>
#include <stdbool.h>

struct http_client;
struct trust;

/* That of a CA file, created if there is none yet; it lives until
 * trust_free_all(). NULL: no memory. Copies ca_file, which is read only when
 * a connection needs it. */
struct trust *trust_find(struct http_client *client, const char *ca_file);

bool trust_is_of(const struct trust *trust, const char *ca_file);

/* Has the easy handle verify servers and proxies with ca_file, in a multi
 * handle with this trust. False: no memory. Borrows trust. */
bool trust_set_options(struct trust *trust, CURL *curl, const char *ca_file);

/* For CURLOPT_SSL_CTX_FUNCTION: has the connection that is about to be made
 * (context: its SSL_CTX) verify with the certificates of data, a trust. The
 * file is read if that was never done, or not for ten minutes.
 * CURLE_SSL_CACERT_BADFILE: it cannot be read. */
CURLcode trust_lend(CURL *curl, void *context, void *data);

/* No easy handle may still use one. */
void trust_free_all(struct http_client *client);

#endif
