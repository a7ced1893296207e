#include "http_tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "must.h"

#define VALID_S (24L * 60 * 60)

static void extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    MUST(extension != NULL);
    MUST(X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static X509 *certificate_make(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    MUST(certificate != NULL);
    MUST(X509_set_version(certificate, 2) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1);
    X509_NAME *name = X509_get_subject_name(certificate);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)"test", -1, -1,
                                    0) == 1);
    MUST(X509_set_issuer_name(certificate, name) == 1);
    MUST(X509_gmtime_adj(X509_getm_notBefore(certificate), -VALID_S) != NULL);
    MUST(X509_gmtime_adj(X509_getm_notAfter(certificate), VALID_S) != NULL);
    MUST(X509_set_pubkey(certificate, key) == 1);
    extension_add(certificate, NID_basic_constraints, "critical,CA:TRUE");
    extension_add(certificate, NID_subject_alt_name,
                  "DNS:localhost,DNS:server.test,IP:127.0.0.1");
    MUST(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

SSL_CTX *http_tls_context(const char *ca_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    FILE *file = fopen(ca_file, "w");
    MUST(key != NULL);
    MUST(context != NULL);
    MUST(file != NULL);
    X509 *certificate = certificate_make(key);
    MUST(PEM_write_X509(file, certificate) == 1);
    MUST(fclose(file) == 0);
    MUST(SSL_CTX_use_certificate(context, certificate) == 1);
    MUST(SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

SSL *http_tls_accept(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    MUST(ssl != NULL);
    MUST(in != NULL);
    MUST(out != NULL);
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    return ssl;
}

/* "Wants more" is no failure. */
static bool is_waiting(const SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

bool http_tls_feed(SSL *ssl, const char *bytes, size_t size)
{
    MUST(size <= INT_MAX);
    MUST(BIO_write(SSL_get_rbio(ssl), bytes, (int)size) == (int)size);
    ERR_clear_error();
    int result = SSL_is_init_finished(ssl) ? 1 : SSL_do_handshake(ssl);
    bool is_tls = result == 1 || is_waiting(ssl, result);
    ERR_clear_error();
    return is_tls;
}

size_t http_tls_read(SSL *ssl, char *to, size_t room)
{
    size_t size = 0;
    ERR_clear_error();
    if (SSL_read_ex(ssl, to, room, &size) != 1) {
        size = 0;
    }
    ERR_clear_error();
    return size;
}

void http_tls_write(SSL *ssl, const char *bytes, size_t size)
{
    size_t written = 0;
    if (size > 0 && SSL_is_init_finished(ssl)) {
        ERR_clear_error();
        (void)SSL_write_ex(ssl, bytes, size, &written);
        ERR_clear_error();
    }
}

size_t http_tls_take(SSL *ssl, char *to, size_t room)
{
    MUST(room <= INT_MAX);
    int size = BIO_read(SSL_get_wbio(ssl), to, (int)room);
    return size > 0 ? (size_t)size : 0;
}
