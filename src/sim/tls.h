/*
 * tls.h - TLS for one connection, through memory buffers instead of a socket,
 * so that a fault can hold back each encrypted byte.
 */
#ifndef SIM_TLS_H
#define SIM_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

struct sim_tls {
    SSL *ssl; /* owned; owns both BIOs; NULL: plain */
    BIO *in;  /* from the network */
    BIO *out; /* to the network */
};

/* False if OpenSSL runs out of memory. */
bool sim_tls_init(struct sim_tls *tls, SSL_CTX *context);

void sim_tls_free(struct sim_tls *tls);

/* Decrypts bytes from the network and appends the result. Returns false if the
 * session is broken or the client has closed it. */
bool sim_tls_receive(struct sim_tls *tls, const char *bytes, size_t size,
                     struct sim_buffer *to);

/* Encrypts bytes. Returns false if the session is broken. */
bool sim_tls_send(struct sim_tls *tls, const char *bytes, size_t size);

/* Returns the encrypted bytes that wait to be sent; call sim_tls_sent() once
 * the network has accepted them. */
size_t sim_tls_pending(struct sim_tls *tls, char **bytes);

void sim_tls_sent(struct sim_tls *tls);

#endif
