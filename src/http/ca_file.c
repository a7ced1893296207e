#include "http/ca_file.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

static bool is_certificate(const struct pem_block *block)
{
    return strcmp(block->label, PEM_STRING_X509) == 0 ||
           strcmp(block->label, PEM_STRING_X509_OLD) == 0 ||
           strcmp(block->label, PEM_STRING_X509_TRUSTED) == 0;
}

static bool add_certificate(X509_STORE *store, BIO *text)
{
    X509 *certificate =
        PEM_read_bio_X509_AUX(text, NULL, pem_no_passphrase, NULL);
    bool is_added =
        certificate != NULL && X509_STORE_add_cert(store, certificate) == 1;
    X509_free(certificate);
    return is_added;
}

/* Blocks of other kinds, such as a private key, are skipped. So are revocation
 * lists, which OpenSSL would consult only if it was told to. */
static bool block_add(X509_STORE *store, const struct pem_block *block)
{
    BIO *text = BIO_new_mem_buf(block->text, (int)block->size);
    bool is_fine = text != NULL;
    if (is_fine && is_certificate(block)) {
        is_fine = add_certificate(store, text);
    }
    BIO_free(text);
    return is_fine;
}

static int blocks_read(struct ca_file *ca, struct reason *why)
{
    struct pem_block block;
    for (;;) {
        int error = pem_file_next(&ca->pem, &block, why);
        if (error != 0) {
            return error;
        }
        if (block.label[0] == '\0') {
            break;
        }
        if (!block_add(ca->store, &block)) {
            return pem_block_error(&ca->pem, &block, why);
        }
        if (ca->first.text == NULL && is_certificate(&block)) {
            ca->first = block;
        }
    }
    return ca->first.text != NULL
               ? 0
               : reason_set(why, HAPLO_ETLS,
                            "%s has no certificates in PEM format",
                            ca->pem.path);
}

/* As libcurl's default: a certificate in the file is trusted even if it is not
 * a root. The errors that OpenSSL keeps would be taken for those of another
 * connection. */
int ca_file_read(struct ca_file *ca, const char *path, struct reason *why)
{
    *ca = (struct ca_file){.store = NULL};
    int error = pem_file_read(&ca->pem, path, why);
    if (error != 0) {
        return error;
    }
    ERR_clear_error();
    ca->store = X509_STORE_new();
    if (ca->store == NULL ||
        X509_STORE_set_flags(ca->store, X509_V_FLAG_PARTIAL_CHAIN) != 1) {
        error = reason_set(why, HAPLO_ENOMEM, "out of memory");
    } else {
        error = blocks_read(ca, why);
    }
    ERR_clear_error();
    return error;
}

void ca_file_clear(struct ca_file *ca)
{
    pem_file_clear(&ca->pem);
    X509_STORE_free(ca->store);
}
