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

uint64_t certificate_time_of_peer(CURL *curl, uint64_t known)
{
    const SSL *ssl = ssl_of(curl);
    uint64_t first = 0;
    if (ssl == NULL || (known != 0 && SSL_session_reused(ssl))) {
        return known;
    }
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
    int count = chain != NULL ? sk_X509_num(chain) : 0;
    for (int i = 0; i < count; i++) {
        uint64_t own = certificate_time(sk_X509_value(chain, i));
        first = own != 0 && (first == 0 || own < first) ? own : first;
    }
    return first != 0 ? first : known;
}
