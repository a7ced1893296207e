/*
 * certificate_time.h - when certificates expire.
 */
#ifndef HTTP_CERTIFICATE_TIME_H
#define HTTP_CERTIFICATE_TIME_H

#include <curl/curl.h>
#include <openssl/x509.h>
#include <stdint.h>

/* The certificate's notAfter in Unix ms. 0: it cannot be read. */
uint64_t certificate_time(const X509 *certificate);

/* The certificates with which a server was verified; Unix ms, 0: unknown. */
struct peer_expiry {
    uint64_t server_ms; /* of its own and intermediate ones, the first */
    uint64_t ca_ms;     /* of the one in the CA file; 0 as well if that is the
                           server's own */
};

/* Call it when a connection of this handle has been established over TLS, from
 * a callback of libcurl: writes when the certificates expire with which the
 * server was verified; what it presents besides does no harm when it expires.
 * Leaves what is known if they cannot be told, or if the session was resumed:
 * then nothing was verified. */
void certificate_time_of_peer(CURL *curl, struct peer_expiry *known);

#endif
