/*
 * tls_error.h - why TLS failed: with the server or with the proxy, because of
 * whose certificate, and which option has to be changed.
 */
#ifndef HTTP_TLS_ERROR_H
#define HTTP_TLS_ERROR_H

#include <curl/curl.h>
#include <stdbool.h>

struct easy;

/* Sets the handle's reason. HAPLO_ETLS, or HAPLO_ERESET if the connection was
 * lost. */
int tls_error_explain(struct easy *easy, CURLcode code);

/* True if libcurl's text is an alert of the peer, which wants a certificate or
 * a different one. With TLS 1.3 it says so when the client believes that the
 * connection is already established. */
bool tls_error_is_alert(const struct easy *easy);

/* What may be the cause if a connection is lost before the response; "" if
 * nothing points to TLS. A server that does not like our certificate closes the
 * connection right after the handshake, and libcurl may notice that before it
 * has read the alert. */
const char *tls_error_hint_lost(const struct easy *easy);

#endif
