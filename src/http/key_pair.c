#include "http/key_pair.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <string.h>

#include "http/certificate_time.h"

#define PRIVATE_KEY "PRIVATE KEY"

void key_pair_clear(struct key_pair *pair)
{
    pem_file_clear(&pair->certificate);
    pem_file_clear(&pair->key);
}

const struct pem_file *key_pair_key(const struct key_pair *pair)
{
    return pair->key.text != NULL ? &pair->key : &pair->certificate;
}

/* The first block whose label ends with this one. */
static int block_find(const struct pem_file *in, const char *label,
                      struct pem_block *block, struct reason *why)
{
    struct pem_file file = *in;
    size_t size = strlen(label);
    int error = 0;
    do {
        error = pem_file_next(&file, block, why);
        size_t own_size = strlen(block->label);
        if (error == 0 && own_size >= size &&
            strcmp(block->label + own_size - size, label) == 0) {
            return 0;
        }
    } while (error == 0 && block->label[0] != '\0');
    return error;
}

static int certificate_read(const struct pem_file *file, X509 **result,
                            struct reason *why)
{
    struct pem_block block;
    int error = block_find(file, PEM_STRING_X509, &block, why);
    if (error != 0) {
        return error;
    }
    if (block.label[0] == '\0') {
        return reason_set(why, HAPLO_ETLS,
                          "tls_certificate_file: %s has no certificate in PEM "
                          "format",
                          file->path);
    }
    BIO *text = BIO_new_mem_buf(block.text, (int)block.size);
    if (text != NULL) {
        *result = PEM_read_bio_X509_AUX(text, NULL, pem_no_passphrase, NULL);
    }
    BIO_free(text);
    return *result != NULL ? 0 : pem_block_error(file, &block, why);
}

/* Of PKCS #8, or in OpenSSL's own older form. */
static bool is_encrypted(const struct pem_block *block)
{
    static const char header[] = "Proc-Type: 4,ENCRYPTED";
    return strncmp(block->label, "ENCRYPTED", strlen("ENCRYPTED")) == 0 ||
           memmem(block->text, block->size, header, strlen(header)) != NULL;
}

static int key_check_block(const struct pem_file *file,
                           const struct pem_block *block, struct reason *why)
{
    if (block->label[0] == '\0') {
        return reason_set(why, HAPLO_ETLS,
                          "tls_key_file: %s has no private key in PEM format",
                          file->path);
    }
    if (is_encrypted(block)) {
        return reason_set(why, HAPLO_ETLS,
                          "tls_key_file: %.120s is encrypted, and nobody is "
                          "asked for its passphrase: remove that with `openssl "
                          "pkey -in %.120s -out NEW_FILE`",
                          file->path, file->path);
    }
    return 0;
}

static int key_read(const struct pem_file *file, EVP_PKEY **result,
                    struct reason *why)
{
    struct pem_block block;
    int error = block_find(file, PRIVATE_KEY, &block, why);
    if (error == 0) {
        error = key_check_block(file, &block, why);
    }
    if (error != 0) {
        return error;
    }
    BIO *text = BIO_new_mem_buf(block.text, (int)block.size);
    if (text != NULL) {
        *result = PEM_read_bio_PrivateKey(text, NULL, pem_no_passphrase, NULL);
    }
    BIO_free(text);
    return *result != NULL ? 0 : pem_block_error(file, &block, why);
}

static int pair_check(struct key_pair *pair, struct reason *why)
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    ERR_clear_error();
    int error = certificate_read(&pair->certificate, &certificate, why);
    if (error == 0) {
        error = key_read(key_pair_key(pair), &key, why);
    }
    if (error == 0 && X509_check_private_key(certificate, key) != 1) {
        /* Without a reason, there was no memory to compare them. */
        error =
            ERR_peek_error() == 0
                ? reason_set(why, HAPLO_ENOMEM, "out of memory")
                : reason_set(why, HAPLO_ETLS,
                             "tls_key_file: %.200s is not the key of the "
                             "certificate in %.200s",
                             key_pair_key(pair)->path, pair->certificate.path);
    }
    if (error == 0) {
        pair->expires_ms = certificate_time(certificate);
    }
    EVP_PKEY_free(key);
    X509_free(certificate);
    ERR_clear_error();
    return error;
}

int key_pair_read(struct key_pair *pair, const char *certificate_file,
                  const char *key_file, struct reason *why)
{
    *pair = (struct key_pair){.key.text = NULL};
    int error = pem_file_read(&pair->certificate, certificate_file, why);
    if (error == 0 && key_file != NULL) {
        error = pem_file_read(&pair->key, key_file, why);
    }
    return error != 0 ? error : pair_check(pair, why);
}
