/*
 * http_tls.h - the server's side of TLS for the tests' HTTP server: bytes from
 * the network in, bytes for the network out. A failure of its own aborts the
 * test; a client that gives up does not.
 */
#ifndef TEST_HTTP_TLS_H
#define TEST_HTTP_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

/* A new key, and a certificate for localhost, 127.0.0.1 and server.test that it
 * has signed, which is written to ca_file as PEM. SSL_CTX_free() it. */
SSL_CTX *http_tls_context(const char *ca_file);

/* Of a new connection; SSL_free() it. */
SSL *http_tls_accept(SSL_CTX *context);

/* Takes what has arrived. False if that is no TLS: close the connection. */
bool http_tls_feed(SSL *ssl, const char *bytes, size_t size);

/* Decrypted bytes; 0: none at present. */
size_t http_tls_read(SSL *ssl, char *to, size_t room);

/* Encrypts. Before the handshake is complete there is nothing to say. */
void http_tls_write(SSL *ssl, const char *bytes, size_t size);

/* What is to be sent; 0: nothing at present. Ask after each of the above. */
size_t http_tls_take(SSL *ssl, char *to, size_t room);

#endif
