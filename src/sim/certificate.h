/*
 * certificate.h - TLS certificates for the simulator. At start it creates a
 * certificate authority; each TLS port gets a certificate from it for the host
 * names of its applications.
 */
#ifndef SIM_CERTIFICATE_H
#define SIM_CERTIFICATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "sim/buffer.h"
#include "sim/settings.h"

struct sim_authority {
    EVP_PKEY *key; /* owned */
    X509 *subject; /* owned; self-signed */
};

/* Creates an authority with this common name. Exits if OpenSSL fails. */
void sim_authority_init(struct sim_authority *authority, const char *name);

void sim_authority_free(struct sim_authority *authority);

/* Creates a server context with a new key, and a certificate for a
 * comma-separated list of names plus localhost, *.localhost, 127.0.0.1 and
 * ::1, which expires after lifetime_ms, to the second. Appends the certificate
 * to *pem. Returns NULL if OpenSSL fails. */
SSL_CTX *sim_certificate_context(const struct sim_authority *authority,
                                 enum sim_certificate_kind kind,
                                 int64_t lifetime_ms, const char *names,
                                 struct sim_buffer *pem);

/* Appends a certificate as PEM. */
void sim_certificate_pem(X509 *certificate, struct sim_buffer *to);

#endif
