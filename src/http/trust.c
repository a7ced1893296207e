#include "http/trust.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "http/client_private.h"
#include "http/libcurl_info.h"

#define KEPT_S_MAX 600L /* then a CA file is read again, as it may change */
#define VERSION_SIZE_MAX 64

#define SET(curl, option, value) \
    (curl_easy_setopt((curl), (option), (value)) == CURLE_OK)

struct trust {
    struct http_client *client; /* whose */
    char *ca_file;              /* owned */
    bool is_lent;               /* otherwise libcurl reads the file itself */
    X509_STORE *store;          /* owned; NULL: not read yet */
    uint64_t fresh_until_ms;    /* then the file is read again */
    LIST_ENTRY(trust) link;     /* among client's */
};

/* Only then is an SSL_CTX the same thing to both. */
static bool has_same_openssl(void)
{
    char version[VERSION_SIZE_MAX];
    const char *used = libcurl_info()->ssl_version;
    (void)snprintf(version, sizeof version, "OpenSSL/%s",
                   OpenSSL_version(OPENSSL_VERSION_STRING));
    return used != NULL && strcmp(used, version) == 0;
}

/* As libcurl's default: a certificate in the file is trusted even if it is not
 * a root. */
static X509_STORE *store_read(const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();
    if (store != NULL &&
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
        X509_STORE_load_file(store, ca_file) == 1) {
        return store;
    }
    ERR_clear_error();
    X509_STORE_free(store);
    return NULL;
}

static bool trust_refresh(struct trust *trust)
{
    uint64_t now_ms = uv_now(trust->client->loop);
    if (trust->store != NULL && now_ms < trust->fresh_until_ms) {
        return true;
    }
    X509_STORE *store = store_read(trust->ca_file);
    if (store == NULL) {
        return false;
    }
    X509_STORE_free(trust->store);
    trust->store = store;
    trust->fresh_until_ms = now_ms + 1000 * KEPT_S_MAX;
    return true;
}

CURLcode trust_lend(CURL *curl, void *context, void *data)
{
    struct trust *trust = data;
    (void)curl;
    if (!trust_refresh(trust)) {
        return CURLE_SSL_CACERT_BADFILE;
    }
    SSL_CTX_set1_cert_store(context, trust->store);
    return CURLE_OK;
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
bool trust_set_options(struct trust *trust, CURL *curl, const char *ca_file)
{
    if (!trust->is_lent || !trust_is_of(trust, ca_file)) {
        return set_file(curl, ca_file, KEPT_S_MAX);
    }
    return set_file(curl, NULL, 0) &&
           SET(curl, CURLOPT_SSL_CTX_FUNCTION, trust_lend) &&
           SET(curl, CURLOPT_SSL_CTX_DATA, trust);
}

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
    trust->is_lent = has_same_openssl();
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
    LIST_FOREACH(trust, &client->trusts, link)
    {
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
        alloc_free(trust->ca_file);
        alloc_free(trust);
    }
}
