#include "http/tls_error.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/multi.h"
#include "http/proxy_reply.h"
#include "http/trust.h"

#define WANTED "; does it want a client certificate? See tls_certificate_file"
#define REFUSED \
    "; does it accept the client certificate? See tls_certificate_file"

/* Of a proxy reached over TLS, the certificate is checked first; the tunnel's
 * status tells that it is over. */
static bool is_tls_with_proxy(const struct easy *easy)
{
    const struct endpoint *endpoint = easy->endpoint;
    if (!endpoint_has_tls_proxy(endpoint)) {
        return false;
    }
    return !endpoint->url.is_tls ||
           (!easy_is_connected(easy) && proxy_connect_status(easy) / 100 != 2);
}

/* OpenSSL's numbers (X509_V_ERR_*), which never change, for certificates
 * whose issuer is not known. */
static bool is_unknown_issuer(const struct easy *easy, bool is_proxy)
{
    long result = easy->verify_error;
    if (result == 0 &&
        curl_easy_getinfo(easy->curl,
                          is_proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT
                                   : CURLINFO_SSL_VERIFYRESULT,
                          &result) != CURLE_OK) {
        return false;
    }
    switch (result) {
    case 2:  /* the issuer's certificate is missing */
    case 18: /* self-signed */
    case 19: /* a chain that ends in a self-signed one */
    case 20: /* the issuer's certificate is not in the CA file */
    case 21: /* the first certificate's issuer is missing */
    case 27: /* not trusted */
        return true;
    default:
        return false;
    }
}

static bool detail_has(const struct easy *easy, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strstr(easy->detail, *words) != NULL) {
            return true;
        }
    }
    return false;
}

/* The peer wants a certificate, or a different one. With TLS 1.3 it says so
 * when the client believes that the connection is already established. */
bool tls_error_is_alert(const struct easy *easy)
{
    static const char *const words[] = {
        "alert certificate",    "alert bad certificate",
        "alert unknown ca",     "alert unsupported certificate",
        "alert no certificate", "alert handshake failure",
        "alert access denied",  NULL,
    };
    return detail_has(easy, words);
}

/* libcurl 7.88 reports the alert "certificate expired", which is about ours,
 * like a failed verification of the peer's, only in other words. */
static bool is_expired_alert(const struct easy *easy, CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION &&
           strstr(easy->detail, "certificate verification failed") != NULL;
}

static bool is_plain_http(const struct easy *easy)
{
    static const char *const words[] = {
        "wrong version number",
        "packet length too long",
        "unexpected TLS packet", /* GnuTLS */
        NULL,
    };
    return detail_has(easy, words);
}

static const char *certificate_hint(const struct easy *easy, CURLcode code,
                                    bool is_proxy)
{
    if (is_proxy) {
        return "; does it want a client certificate? Proxies are not shown one";
    }
    if (code == CURLE_SSL_CERTPROBLEM) {
        return "; see tls_certificate_file and tls_key_file";
    }
    if (easy->endpoint->certificate == NULL) {
        return WANTED;
    }
    return is_expired_alert(easy, code)
               ? "; it says that the client certificate has expired: see "
                 "tls_certificate_file"
               : REFUSED;
}

const char *tls_error_hint_lost(const struct easy *easy)
{
    const struct endpoint *endpoint = easy->endpoint;
    long new_count = 0;
    if (!endpoint->url.is_tls || easy->phase != EASY_WAITING ||
        curl_easy_getinfo(easy->curl, CURLINFO_NUM_CONNECTS, &new_count) !=
            CURLE_OK ||
        new_count == 0) {
        return "";
    }
    return endpoint->certificate == NULL ? WANTED : REFUSED;
}

static const char *tls_hint(const struct easy *easy, CURLcode code,
                            bool is_proxy)
{
    if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CLIENTCERT ||
        tls_error_is_alert(easy) || is_expired_alert(easy, code)) {
        return certificate_hint(easy, code, is_proxy);
    }
    if (is_plain_http(easy)) {
        return is_proxy ? "; does the proxy speak plain HTTP? Then `proxy` "
                          "begins with http://"
                        : "; does the server speak plain HTTP? Check the port "
                          "in `url`";
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION &&
        is_unknown_issuer(easy, is_proxy)) {
        return "; if its issuer is to be trusted, see tls_ca_file";
    }
    return "";
}

/* A connection lost during the handshake is worth a retry, a wrong certificate
 * is not; libcurl has one code for both. */
static bool is_broken_handshake(const struct easy *easy, CURLcode code)
{
    static const char *const words[] = {"SSL_ERROR_SYSCALL", "Connection reset",
                                        "unexpected eof", NULL};
    return code == CURLE_SSL_CONNECT_ERROR && detail_has(easy, words);
}

/* What failed in TLS, with the peer that it failed with. */
static int explain_as(struct easy *easy, int error, const char *detail,
                      const char *hint)
{
    bool is_proxy = is_tls_with_proxy(easy);
    const struct host *peer =
        is_proxy ? endpoint_peer(easy->endpoint) : &easy->endpoint->url.host;
    return reason_set(&easy->why, error, "TLS with %s%s port %u: %s%s",
                      is_proxy ? "proxy " : "", peer->name, peer->port, detail,
                      hint);
}

/* libcurl names the file only if it has read it itself; see trust.h. */
static int explain_ca_file(struct easy *easy)
{
    char detail[HAPLO_TEXT_SIZE_MAX];
    const char *ca_file = easy->endpoint->tls_ca_file;
    const struct trust *trust =
        easy->slot != NULL ? easy->slot->multi->trust : NULL;
    if (trust != NULL && trust_is_of(trust, ca_file) &&
        trust_why(trust)[0] != '\0') {
        return explain_as(easy, HAPLO_ETLS, trust_why(trust),
                          "; see tls_ca_file");
    }
    (void)snprintf(detail, sizeof detail,
                   "no certificates could be read from %s", ca_file);
    return explain_as(easy, HAPLO_ETLS, detail, "; see tls_ca_file");
}

/* In the words of libcurl, which does not know; see trust.c. */
static int explain_unverified(struct easy *easy)
{
    char detail[HAPLO_TEXT_SIZE_MAX];
    (void)snprintf(detail, sizeof detail, "SSL certificate problem: %s",
                   trust_verify_text(easy->verify_error));
    return explain_as(easy, HAPLO_ETLS, detail,
                      tls_hint(easy, CURLE_PEER_FAILED_VERIFICATION, false));
}

int tls_error_explain(struct easy *easy, CURLcode code)
{
    bool is_broken = is_broken_handshake(easy, code);
    if (easy->verify_error != 0) {
        trust_doubt(easy->slot->multi->trust);
    }
    if (code == CURLE_SSL_CACERT_BADFILE) {
        return explain_ca_file(easy);
    }
    if (is_broken && easy->verify_error != 0) {
        return explain_unverified(easy);
    }
    if (is_broken) {
        return explain_as(easy, HAPLO_ERESET,
                          "the connection was lost during the handshake", "");
    }
    return explain_as(easy, HAPLO_ETLS,
                      easy->detail[0] != '\0' ? easy->detail
                                              : curl_easy_strerror(code),
                      tls_hint(easy, code, is_tls_with_proxy(easy)));
}
