#include "http/client_certificate.h"

#include <stdbool.h>
#include <string.h>
#include <uv.h>

#include "base/alloc.h"
#include "http/client_private.h"
#include "http/easy.h"
#include "http/key_pair.h"
#include "http/trust.h"

#define SET(curl, option, value) \
    (curl_easy_setopt((curl), (option), (value)) == CURLE_OK)

struct client_certificate {
    struct http_client *client;          /* borrowed */
    char *certificate_file;              /* owned */
    char *key_file;                      /* owned; NULL: not separate */
    bool is_named;                       /* libcurl reads the files itself */
    struct key_pair pair;                /* as presented */
    unsigned version;                    /* of pair; 0: none could be read */
    struct pem_stamp stamps[2];          /* of the files as last read */
    uint64_t look_ms;                    /* not looked at before */
    int error;                           /* of the files as last read */
    struct reason why;                   /* the same in words; or "" */
    LIST_ENTRY(client_certificate) link; /* among the client's */
};

static bool is_current(const struct client_certificate *certificate)
{
    return pem_stamp_is_current(&certificate->stamps[0],
                                certificate->certificate_file) &&
           (certificate->key_file == NULL ||
            pem_stamp_is_current(&certificate->stamps[1],
                                 certificate->key_file));
}

/* Takes the pair if there is no error. True if there is, and it is another one
 * than before. */
static bool certificate_take(struct client_certificate *certificate,
                             struct key_pair *pair, int error,
                             const struct reason *why)
{
    bool is_news = strcmp(certificate->why.text, why->text) != 0;
    certificate->error = error;
    certificate->why = *why;
    certificate->stamps[0] = pair->certificate.stamp;
    certificate->stamps[1] = pair->key.stamp;
    if (error != 0) {
        key_pair_clear(pair);
        return is_news;
    }
    key_pair_clear(&certificate->pair);
    certificate->pair = *pair;
    certificate->version++;
    return false;
}

/* Reads the files if they have changed, or could not be used: OpenSSL does not
 * always say that it was for lack of memory. True if there is something to
 * tell. */
static bool certificate_refresh(struct client_certificate *certificate)
{
    struct key_pair pair;
    struct reason why = {""};
    uint64_t now_ms = uv_now(certificate->client->loop);
    if (now_ms < certificate->look_ms && certificate->error != HAPLO_ENOMEM) {
        return false;
    }
    certificate->look_ms = now_ms + PEM_LOOK_MS;
    if (certificate->error == 0 && is_current(certificate)) {
        return false;
    }
    int error = key_pair_read(&pair, certificate->certificate_file,
                              certificate->key_file, &why);
    return certificate_take(certificate, &pair, error, &why);
}

/* libcurl copies it. */
static bool set_content(CURL *curl, const struct key_pair *pair)
{
    const struct pem_file *key = key_pair_key(pair);
    struct curl_blob certificate_blob = {.data = pair->certificate.text,
                                         .len = pair->certificate.size,
                                         .flags = CURL_BLOB_COPY};
    struct curl_blob key_blob = {
        .data = key->text, .len = key->size, .flags = CURL_BLOB_COPY};
    return SET(curl, CURLOPT_SSLCERT_BLOB, &certificate_blob) &&
           SET(curl, CURLOPT_SSLKEY_BLOB, &key_blob);
}

static bool set_names(CURL *curl, const struct client_certificate *certificate)
{
    return SET(curl, CURLOPT_SSLCERT, certificate->certificate_file) &&
           SET(curl, CURLOPT_SSLKEY, certificate->key_file);
}

static int set_current(const struct client_certificate *certificate,
                       struct easy *easy)
{
    if (easy->certificate_version == certificate->version) {
        return 0;
    }
    if (!(certificate->is_named
              ? set_names(easy->curl, certificate)
              : set_content(easy->curl, &certificate->pair))) {
        return reason_set(&easy->why, HAPLO_ENOMEM, "out of memory");
    }
    easy->certificate_version = certificate->version;
    return 0;
}

int client_certificate_set(struct client_certificate *certificate,
                           struct easy *easy)
{
    if (certificate->is_named) {
        return set_current(certificate, easy);
    }
    bool has_failed = certificate_refresh(certificate);
    if (certificate->version == 0) {
        return reason_set(&easy->why, certificate->error, "%s",
                          certificate->why.text);
    }
    if (has_failed) {
        (void)reason_set(&easy->warning, 0,
                         "%s; the certificate that was read before stays in "
                         "use",
                         certificate->why.text);
    }
    return set_current(certificate, easy);
}

uint64_t client_certificate_expires_ms(
    const struct client_certificate *certificate)
{
    return certificate->pair.expires_ms;
}

/* The list */

static bool is_of(const struct client_certificate *certificate,
                  const char *certificate_file, const char *key_file)
{
    const char *own = certificate->key_file;
    bool is_same_key = own == NULL || key_file == NULL
                           ? own == key_file
                           : strcmp(own, key_file) == 0;
    return is_same_key &&
           strcmp(certificate->certificate_file, certificate_file) == 0;
}

static void certificate_free(struct client_certificate *certificate)
{
    key_pair_clear(&certificate->pair);
    alloc_free(certificate->certificate_file);
    alloc_free(certificate->key_file);
    alloc_free(certificate);
}

static struct client_certificate *certificate_new(struct http_client *client,
                                                  const char *certificate_file,
                                                  const char *key_file)
{
    struct client_certificate *certificate =
        alloc_zeroed(1, sizeof *certificate);
    if (certificate == NULL) {
        return NULL;
    }
    certificate->client = client;
    certificate->is_named = !trust_has_same_openssl();
    certificate->version = certificate->is_named;
    certificate->certificate_file = alloc_string(certificate_file);
    certificate->key_file = key_file != NULL ? alloc_string(key_file) : NULL;
    if (certificate->certificate_file == NULL ||
        (key_file != NULL && certificate->key_file == NULL)) {
        certificate_free(certificate);
        return NULL;
    }
    LIST_INSERT_HEAD(&client->certificates, certificate, link);
    return certificate;
}

struct client_certificate *client_certificate_find(struct http_client *client,
                                                   const char *certificate_file,
                                                   const char *key_file)
{
    struct client_certificate *certificate = NULL;
    LIST_FOREACH (certificate, &client->certificates, link) {
        if (is_of(certificate, certificate_file, key_file)) {
            return certificate;
        }
    }
    return certificate_new(client, certificate_file, key_file);
}

void client_certificate_free_all(struct http_client *client)
{
    while (!LIST_EMPTY(&client->certificates)) {
        struct client_certificate *certificate =
            LIST_FIRST(&client->certificates);
        LIST_REMOVE(certificate, link);
        certificate_free(certificate);
    }
}
