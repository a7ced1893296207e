/*
 * trust.h - the certificates of a CA file, parsed once for all multi handles.
 *
 * libcurl caches them as well, but separately for each multi handle: with
 * Debian's bundle that is 15 ms and 0.9 MB for every 60 connections. So if
 * libcurl uses the same OpenSSL that is linked here, each new connection is
 * lent the shared certificates. Verification is OpenSSL's and libcurl's in any
 * case. With another TLS library, libcurl reads the file itself.
 *
 * Before a transfer begins, the file is looked at, once a second at most, so
 * that a file that was replaced takes effect at once, also through symbolic
 * links: connections and TLS sessions that were verified with the old one are
 * no longer used. A file is trusted as a whole or not at all: with one
 * malformed block, nothing in it is used, because nobody would notice what is
 * missing. If it was fine before, what was read then stays in use until it is
 * repaired, with a warning: the file may just be half-written.
 */
#ifndef HTTP_TRUST_H
#define HTTP_TRUST_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;
struct http_client;
struct trust;

/* Finds the trust of a CA file, or creates it. It lives until
 * trust_free_all(). NULL: no memory. Copies ca_file, which is read only when
 * a connection needs it. */
struct trust *trust_find(struct http_client *client, const char *ca_file);

bool trust_is_of(const struct trust *trust, const char *ca_file);

/* True if libcurl uses the OpenSSL that is linked here: only then do its
 * objects mean the same to both. */
bool trust_has_same_openssl(void);

/* Has the easy handle verify servers and proxies with ca_file, in a multi
 * handle with this trust. False: no memory. Borrows trust. */
bool trust_set_options(struct trust *trust, CURL *curl, const char *ca_file);

/* True if the certificates of this file are lent; then trust_set() must be
 * called before each transfer. */
bool trust_is_lent(const struct trust *trust, const char *ca_file);

/* Reads the file if it has changed. The handle is then marked with the first
 * certificate and a number, given to libcurl as if it were to be trusted: to
 * libcurl, transfers with different marks need different connections and TLS
 * sessions. What a connection really verifies with is lent. 0, or HAPLO_ENOMEM
 * with the reason of the handle set. */
int trust_set(struct trust *trust, struct easy *easy);

/* For CURLOPT_SSL_CTX_FUNCTION: has the connection that is about to be made
 * (context: its SSL_CTX) verify with the certificates of data, a trust. If the
 * peer is not trusted, easy->verify_error will say why.
 * CURLE_SSL_CACERT_BADFILE: nothing in it can be trusted; CURLE_OUT_OF_MEMORY.
 */
CURLcode trust_lend(CURL *curl, void *context, void *data);

/* To be called when a peer was not trusted: the file is read again, even if it
 * seems unchanged. */
void trust_doubt(struct trust *trust);

/* What is wrong with a certificate, in words: easy->verify_error. */
const char *trust_verify_text(int verify_error);

/* Why the file as it is now cannot be used; "" if it can, or is not read. */
const char *trust_why(const struct trust *trust);

/* No easy handle may still use one. */
void trust_free_all(struct http_client *client);

#endif
