/*
 * client_certificate.h - a certificate and its private key, to present to
 * servers.
 *
 * The files are read here, and libcurl is given their content. To libcurl, a
 * different certificate is a different connection: when the files are replaced,
 * connections and TLS sessions made with the old certificate are no longer
 * used. (It does not compare files that have the same name.)
 *
 * Both files are checked together, so that a pair of which only one file has
 * been replaced is not used. As long as they cannot be used, the certificate
 * that was read before is presented, with a warning.
 *
 * With another TLS library than the one linked here, libcurl reads the files
 * itself, for each connection.
 */
#ifndef HTTP_CLIENT_CERTIFICATE_H
#define HTTP_CLIENT_CERTIFICATE_H

#include <curl/curl.h>
#include <stdint.h>

struct client_certificate;
struct easy;
struct http_client;

/* Finds the certificate of these files, or creates it. It lives until
 * client_certificate_free_all(). key_file NULL: the certificate's file has the
 * key as well. NULL: no memory. Copies the names. The files are read only when
 * a transfer needs them. */
struct client_certificate *client_certificate_find(struct http_client *client,
                                                   const char *certificate_file,
                                                   const char *key_file);

/* Has the handle present the certificate as it is now, before a transfer
 * begins. The files are looked at once a second at most. 0; HAPLO_ETLS (they
 * cannot be used) or HAPLO_ENOMEM, with the reason of the handle set. */
int client_certificate_set(struct client_certificate *certificate,
                           struct easy *easy);

/* When the certificate that is presented expires, in Unix ms. 0: unknown. */
uint64_t client_certificate_expires_ms(
    const struct client_certificate *certificate);

void client_certificate_free_all(struct http_client *client);

#endif
