#include "http/trust.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/ca_file.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/libcurl_info.h"

#define LIBCURL_KEPT_S 60L /* libcurl's own cache of a CA file */
#define VERSION_SIZE_MAX 64

#define SET(curl, option, value) \
    (curl_easy_setopt((curl), (option), (value)) == CURLE_OK)

struct trust {
    struct http_client *client; /* borrowed */
    char *ca_file;              /* owned */
    bool is_lent;               /* otherwise libcurl reads the file itself */
    X509_STORE *store;          /* owned; NULL: none could be read yet */
    char *mark;                 /* owned; see trust_set() */
    unsigned version;           /* of these two; 0: none */
    struct pem_stamp used;      /* of the file that they are from */
    struct pem_stamp stamp;     /* of the file as last read */
    struct reason why;          /* the failure of that; "": none */
    bool is_doubted;            /* trust_doubt() was called since then */
    uint64_t look_ms;           /* not looked at before */
    LIST_ENTRY(trust) link;     /* among the client's */
};

bool trust_has_same_openssl(void)
{
    char version[VERSION_SIZE_MAX];
    const char *used = libcurl_info()->ssl_version;
    (void)snprintf(version, sizeof version, "OpenSSL/%s",
                   OpenSSL_version(OPENSSL_VERSION_STRING));
    return used != NULL && strcmp(used, version) == 0;
}

/* The first certificate, and a number that tells it from that of other files.
 * NULL: no memory. */
static char *mark_make(const struct pem_block *first, unsigned version)
{
    size_t size = first->size + 32;
    char *mark = alloc_bytes(size);
    if (mark != NULL) {
        (void)snprintf(mark, size, "%.*s\n# %u\n", (int)first->size,
                       first->text, version);
    }
    return mark;
}

/* Takes the store. 0 or HAPLO_ENOMEM. The same file again does not make
 * connections useless. */
static int trust_take(struct trust *trust, struct ca_file *ca)
{
    unsigned version = trust->version;
    if (version == 0 || !pem_stamp_is_same(&trust->used, &ca->pem.stamp)) {
        version++;
    }
    char *mark = mark_make(&ca->first, version);
    if (mark == NULL) {
        return HAPLO_ENOMEM;
    }
    X509_STORE_free(trust->store);
    alloc_free(trust->mark);
    trust->store = ca->store;
    trust->mark = mark;
    trust->version = version;
    trust->used = ca->pem.stamp;
    ca->store = NULL;
    return 0;
}

/* A file that is doubted, or could not be used, is read again even if it seems
 * unchanged: with too little memory, OpenSSL may take a fine file for a damaged
 * one, or lose a part of it without a word. */
static bool trust_is_current(const struct trust *trust)
{
    return trust->why.text[0] == '\0' && !trust->is_doubted &&
           pem_stamp_is_current(&trust->stamp, trust->ca_file);
}

/* Reads the file if it has changed. True if that has failed, in another way
 * than before. */
static bool trust_refresh(struct trust *trust)
{
    struct ca_file ca;
    struct reason why = {""};
    uint64_t now_ms = uv_now(trust->client->loop);
    if (now_ms < trust->look_ms) {
        return false;
    }
    trust->look_ms = now_ms + PEM_LOOK_MS;
    if (trust_is_current(trust)) {
        return false;
    }
    int error = ca_file_read(&ca, trust->ca_file, &why);
    if (error == 0 && trust_take(trust, &ca) != 0) {
        error = reason_set(&why, HAPLO_ENOMEM, "out of memory");
    }
    trust->stamp = ca.pem.stamp;
    trust->is_doubted = false;
    if (error == HAPLO_ENOMEM) {
        trust->look_ms = 0;
    }
    bool is_news = strcmp(trust->why.text, why.text) != 0;
    trust->why = why;
    ca_file_clear(&ca);
    return error != 0 && is_news;
}

/* What a connection that is not refused has to report. */
static void warn(struct easy *easy, const struct trust *trust)
{
    (void)reason_set(&easy->warning, 0,
                     "tls_ca_file: %s; the certificates that were read from it "
                     "before stay in use",
                     trust->why.text);
}

/* For SSL_CTX_set_verify(): changes nothing, and remembers why. libcurl 7.88
 * does not know why if a server behind an https proxy is not trusted: sending
 * the alert through the proxy's TLS clears OpenSSL's errors. */
static int on_verified(int is_fine, X509_STORE_CTX *context)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(context,
                                          SSL_get_ex_data_X509_STORE_CTX_idx());
    struct easy *easy = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (!is_fine) {
        easy->verify_error = X509_STORE_CTX_get_error(context);
    }
    return is_fine;
}

/* libcurl copies it. */
static bool set_mark(CURL *curl, const char *mark)
{
    struct curl_blob blob = {
        .data = (void *)mark, .len = strlen(mark), .flags = CURL_BLOB_COPY};
    return SET(curl, CURLOPT_CAINFO_BLOB, &blob) &&
           SET(curl, CURLOPT_PROXY_CAINFO_BLOB, &blob);
}

int trust_set(struct trust *trust, struct easy *easy)
{
    if (trust_refresh(trust) && trust->store != NULL) {
        warn(easy, trust);
    }
    if (easy->trust_version == trust->version) {
        return 0;
    }
    if (!set_mark(easy->curl, trust->mark)) {
        return reason_set(&easy->why, HAPLO_ENOMEM, "out of memory");
    }
    easy->trust_version = trust->version;
    return 0;
}

CURLcode trust_lend(CURL *curl, void *context, void *data)
{
    struct trust *trust = data;
    struct easy *easy = NULL;
    if (trust->store == NULL) {
        return CURLE_SSL_CACERT_BADFILE;
    }
    if (curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&easy) != CURLE_OK ||
        SSL_CTX_set_app_data(context, easy) != 1) {
        return CURLE_OUT_OF_MEMORY;
    }
    SSL_CTX_set1_cert_store(context, trust->store);
    SSL_CTX_set_verify(context, SSL_CTX_get_verify_mode(context), on_verified);
    return CURLE_OK;
}

const char *trust_verify_text(int verify_error)
{
    return X509_verify_cert_error_string(verify_error);
}

void trust_doubt(struct trust *trust)
{
    trust->is_doubted = true;
}

const char *trust_why(const struct trust *trust)
{
    return trust->why.text;
}

/* With CAPATH, libcurl would not cache the certificates at all, and each new
 * connection would cost twenty times as much. */
static bool set_file(CURL *curl, const char *ca_file, long kept_s)
{
    return SET(curl, CURLOPT_CAPATH, NULL) &&
           SET(curl, CURLOPT_CAINFO, ca_file) &&
           SET(curl, CURLOPT_PROXY_CAPATH, NULL) &&
           SET(curl, CURLOPT_PROXY_CAINFO, ca_file) &&
           SET(curl, CURLOPT_CA_CACHE_TIMEOUT, kept_s);
}

/* Within a multi handle, libcurl reuses a connection for any transfer that
 * names the same CA file. A transfer that is lent certificates names none, so
 * only those of the multi handle's own trust may be lent. libcurl's own cache
 * would replace them, so it is disabled. */
bool trust_is_lent(const struct trust *trust, const char *ca_file)
{
    return trust->is_lent && trust_is_of(trust, ca_file);
}

bool trust_set_options(struct trust *trust, CURL *curl, const char *ca_file)
{
    if (!trust_is_lent(trust, ca_file)) {
        return set_file(curl, ca_file, LIBCURL_KEPT_S);
    }
    return set_file(curl, NULL, 0) &&
           SET(curl, CURLOPT_SSL_CTX_FUNCTION, trust_lend) &&
           SET(curl, CURLOPT_SSL_CTX_DATA, trust);
}

/* The list */

bool trust_is_of(const struct trust *trust, const char *ca_file)
{
    return strcmp(trust->ca_file, ca_file) == 0;
}

static struct trust *trust_new(struct http_client *client, const char *ca_file)
{
    struct trust *trust = alloc_zeroed(1, sizeof *trust);
    if (trust == NULL) {
        return NULL;
    }
    trust->client = client;
    trust->is_lent = trust_has_same_openssl();
    trust->ca_file = alloc_string(ca_file);
    if (trust->ca_file == NULL) {
        alloc_free(trust);
        return NULL;
    }
    LIST_INSERT_HEAD(&client->trusts, trust, link);
    return trust;
}

struct trust *trust_find(struct http_client *client, const char *ca_file)
{
    struct trust *trust = NULL;
    LIST_FOREACH (trust, &client->trusts, link) {
        if (trust_is_of(trust, ca_file)) {
            return trust;
        }
    }
    return trust_new(client, ca_file);
}

void trust_free_all(struct http_client *client)
{
    while (!LIST_EMPTY(&client->trusts)) {
        struct trust *trust = LIST_FIRST(&client->trusts);
        LIST_REMOVE(trust, link);
        X509_STORE_free(trust->store);
        alloc_free(trust->mark);
        alloc_free(trust->ca_file);
        alloc_free(trust);
    }
}
