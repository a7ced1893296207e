#include "sim/tls.h"

#include <limits.h>
#include <openssl/err.h>

#define READ_BYTES 16384 /* one TLS record */

bool sim_tls_init(struct sim_tls *tls, SSL_CTX *context)
{
    *tls = (struct sim_tls){.ssl = SSL_new(context)};
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        SSL_free(tls->ssl);
        BIO_free(tls->in);
        BIO_free(tls->out);
        *tls = (struct sim_tls){0};
        return false;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_accept_state(tls->ssl);
    return true;
}

void sim_tls_free(struct sim_tls *tls)
{
    SSL_free(tls->ssl);
    *tls = (struct sim_tls){0};
}

bool sim_tls_receive(struct sim_tls *tls, const char *bytes, size_t size,
                     struct sim_buffer *to)
{
    if (size > INT_MAX || BIO_write(tls->in, bytes, (int)size) != (int)size) {
        return false;
    }
    for (;;) {
        ERR_clear_error();
        char *end = sim_buffer_reserve(to, READ_BYTES);
        int count = SSL_read(tls->ssl, end, READ_BYTES);
        if (count <= 0) {
            return SSL_get_error(tls->ssl, count) == SSL_ERROR_WANT_READ;
        }
        to->size += (size_t)count;
    }
}

bool sim_tls_send(struct sim_tls *tls, const char *bytes, size_t size)
{
    ERR_clear_error();
    return size == 0 || (size <= INT_MAX &&
                         SSL_write(tls->ssl, bytes, (int)size) == (int)size);
}

size_t sim_tls_pending(struct sim_tls *tls, char **bytes)
{
    long size = BIO_get_mem_data(tls->out, bytes);
    return size < 0 ? 0 : (size_t)size;
}

void sim_tls_sent(struct sim_tls *tls)
{
    BIO_reset(tls->out);
}
