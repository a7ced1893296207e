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

/* Call it when a connection of this handle has been established over TLS, from
 * a callback of libcurl: returns when the first certificate expires of those
 * that the server presented, its own and intermediate ones. Returns known if
 * they cannot be told, or if the session was resumed: then the server presented
 * none, and those of the session may have been replaced since. */
uint64_t certificate_time_of_peer(CURL *curl, uint64_t known);

#endif
