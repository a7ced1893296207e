/*
 * tls.h - the TLS of one connection between memory buffers, so that each byte
 * that goes out can be held back.
 */
#ifndef SIM_TLS_H
#define SIM_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "sim/buffer.h"

struct sim_tls {
    SSL *ssl; /* owned; owns the two below */
    BIO *in;  /* from the network */
    BIO *out; /* to the network */
};

/* False when OpenSSL has no memory. */
bool sim_tls_init(struct sim_tls *tls, SSL_CTX *context);

void sim_tls_free(struct sim_tls *tls);

/* Takes bytes from the network and appends what they decrypt to; false when
 * the session is broken or the client has ended it. */
bool sim_tls_receive(struct sim_tls *tls, const char *bytes, size_t size,
                     struct sim_buffer *to);

/* Encrypts; false when the session is broken. */
bool sim_tls_send(struct sim_tls *tls, const char *bytes, size_t size);

/* The bytes for the network so far; sim_tls_sent() once they are taken. */
size_t sim_tls_pending(struct sim_tls *tls, char **bytes);

void sim_tls_sent(struct sim_tls *tls);

#endif
