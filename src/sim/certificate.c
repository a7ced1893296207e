#include "sim/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S (24L * 60 * 60)

static bool name_set(X509_NAME *name, const char *common)
{
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common, -1, -1,
                                      0) == 1;
}

static bool serial_set(X509 *certificate)
{
    uint64_t serial;
    return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate),
                                   serial >> 1) == 1;
}

static bool extension_add(X509 *certificate, X509 *issuer, int nid,
                          const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good =
        extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* An unsigned certificate. It starts 400 days ago, so that an expired one
 * (left_s < 0) was valid once. */
static X509 *certificate_start(const char *common, EVP_PKEY *key, X509 *issuer,
                               long left_s)
{
    X509 *certificate = X509_new();
    if (certificate == NULL) {
        return NULL;
    }
    X509_NAME *issuer_name =
        X509_get_subject_name(issuer == NULL ? certificate : issuer);
    if (X509_set_version(certificate, 2) != 1 || !serial_set(certificate) ||
        !name_set(X509_get_subject_name(certificate), common) ||
        X509_set_issuer_name(certificate, issuer_name) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), -400 * DAY_S) ==
            NULL ||
        X509_gmtime_adj(X509_getm_notAfter(certificate), left_s) == NULL ||
        X509_set_pubkey(certificate, key) != 1) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

void sim_authority_init(struct sim_authority *authority, const char *name)
{
    authority->key = EVP_EC_gen("P-256");
    X509 *subject =
        authority->key == NULL
            ? NULL
            : certificate_start(name, authority->key, NULL, 3650 * DAY_S);
    authority->subject = subject;
    if (subject == NULL ||
        !extension_add(subject, subject, NID_basic_constraints,
                       "critical,CA:TRUE") ||
        !extension_add(subject, subject, NID_key_usage,
                       "critical,keyCertSign,cRLSign") ||
        !extension_add(subject, subject, NID_subject_key_identifier, "hash") ||
        X509_sign(subject, authority->key, EVP_sha256()) == 0) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

void sim_authority_free(struct sim_authority *authority)
{
    X509_free(authority->subject);
    EVP_PKEY_free(authority->key);
}

void sim_certificate_pem(X509 *certificate, struct sim_buffer *to)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes;
    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1) {
        long size = BIO_get_mem_data(bio, &bytes);
        sim_buffer_add(to, bytes, (size_t)size);
    }
    BIO_free(bio);
}

/* Writes the subjectAltName for these names. */
static void alternatives_write(struct sim_buffer *to, const char *names,
                               bool wrong)
{
    if (wrong) {
        sim_buffer_add(to, "DNS:wrong-name.invalid", 23);
        return;
    }
    sim_buffer_text(to, "DNS:localhost,DNS:*.localhost,IP:127.0.0.1,IP:::1");
    while (*names != '\0') {
        size_t size = strcspn(names, ",");
        if (size > 0) {
            sim_buffer_format(to, ",DNS:%.*s", (int)size, names);
        }
        names += size + (names[size] == ',');
    }
    sim_buffer_add(to, "", 1);
}

static X509 *leaf_make(const struct sim_authority *authority,
                       enum sim_certificate_kind kind, int64_t lifetime_ms,
                       const char *names, EVP_PKEY *key)
{
    long left_s =
        kind == SIM_CERTIFICATE_EXPIRED ? -DAY_S : (long)(lifetime_ms / 1000);
    struct sim_buffer alternatives = {0};
    alternatives_write(&alternatives, names,
                       kind == SIM_CERTIFICATE_WRONG_NAME);
    X509 *leaf =
        certificate_start("haplo-sim", key, authority->subject, left_s);
    if (leaf != NULL &&
        (!extension_add(leaf, authority->subject, NID_basic_constraints,
                        "critical,CA:FALSE") ||
         !extension_add(leaf, authority->subject, NID_ext_key_usage,
                        "serverAuth") ||
         !extension_add(leaf, authority->subject, NID_authority_key_identifier,
                        "keyid:always") ||
         !extension_add(leaf, authority->subject, NID_subject_alt_name,
                        alternatives.bytes) ||
         X509_sign(leaf, authority->key, EVP_sha256()) == 0)) {
        X509_free(leaf);
        leaf = NULL;
    }
    sim_buffer_free(&alternatives);
    return leaf;
}

static SSL_CTX *context_make(X509 *leaf, EVP_PKEY *key)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        return NULL;
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_use_certificate(context, leaf) != 1 ||
        SSL_CTX_use_PrivateKey(context, key) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

SSL_CTX *sim_certificate_context(const struct sim_authority *authority,
                                 enum sim_certificate_kind kind,
                                 int64_t lifetime_ms, const char *names,
                                 struct sim_buffer *pem)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = key == NULL
                     ? NULL
                     : leaf_make(authority, kind, lifetime_ms, names, key);
    SSL_CTX *context = leaf == NULL ? NULL : context_make(leaf, key);
    if (context == NULL) {
        ERR_print_errors_fp(stderr);
    } else {
        sim_certificate_pem(leaf, pem);
    }
    X509_free(leaf);
    EVP_PKEY_free(key);
    return context;
}
