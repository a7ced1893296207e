#include "daemon/doctor/certificate_probe.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include "base/reason.h"
#include "daemon/doctor/tcp_probe.h"

/* The days until the first certificate of the chain expires. -1: there is no
 * chain. */
static int chain_days(SSL *ssl, int *days)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    for (int i = 0; i < count; i++) {
        int own = 0;
        int seconds = 0;
        if (ASN1_TIME_diff(&own, &seconds, NULL,
                           X509_get0_notAfter(sk_X509_value(chain, i))) != 1) {
            return -1;
        }
        *days = i == 0 || own < *days ? own : *days;
    }
    return count > 0 ? 0 : -1;
}

static int handshake(SSL_CTX *context, int fd, const char *host, int *days)
{
    SSL *ssl = SSL_new(context);
    int result = -1;
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 &&
        SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_connect(ssl) == 1) {
        result = chain_days(ssl, days);
    }
    SSL_free(ssl);
    return result;
}

int certificate_probe(const char *url, int *days, char *why, size_t why_size)
{
    char name[TCP_PROBE_NAME_SIZE];
    char host[TCP_PROBE_NAME_SIZE];
    int fd = tcp_probe(url, NULL, name, why, why_size);
    if (fd < 0) {
        return -1;
    }
    tcp_probe_host(url, host, sizeof host);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int error = context != NULL ? handshake(context, fd, host, days) : -1;
    SSL_CTX_free(context);
    (void)close(fd);
    return error == 0
               ? 0
               : reason_write(why, why_size, -1,
                              "TLS with %s: no certificate was received", name);
}
