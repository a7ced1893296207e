#include "http/certificate_time.h"

#include <openssl/ssl.h>
#include <time.h>

#include "http/trust.h"

uint64_t certificate_time(const X509 *certificate)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1) {
        return 0;
    }
    time_t at = timegm(&tm);
    return at > 0 ? (uint64_t)at * 1000 : 0;
}

/* NULL: not TLS, or the objects are not those of the OpenSSL linked here. */
static const SSL *ssl_of(CURL *curl)
{
    struct curl_tlssessioninfo *info = NULL;
    if (!trust_has_same_openssl() ||
        curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
        info == NULL || info->backend != CURLSSLBACKEND_OPENSSL) {
        return NULL;
    }
    return info->internals;
}

/* The chain begins with the server's own certificate, and ends with the one
 * that is trusted. */
static struct peer_expiry chain_expiry(const STACK_OF(X509) * chain)
{
    struct peer_expiry expiry = {0};
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    int ca_index = count > 1 ? count - 1 : count;
    for (int i = 0; i < ca_index; i++) {
        uint64_t own = certificate_time(sk_X509_value(chain, i));
        if (own != 0 && (expiry.server_ms == 0 || own < expiry.server_ms)) {
            expiry.server_ms = own;
        }
    }
    if (ca_index < count) {
        expiry.ca_ms = certificate_time(sk_X509_value(chain, ca_index));
    }
    return expiry;
}

void certificate_time_of_peer(CURL *curl, struct peer_expiry *known)
{
    const SSL *ssl = ssl_of(curl);
    const STACK_OF(X509) *chain =
        ssl != NULL ? SSL_get0_verified_chain(ssl) : NULL;
    if (chain != NULL) {
        *known = chain_expiry(chain);
    }
}
