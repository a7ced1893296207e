#include "http/easy_setup.h"

#include <limits.h>
#include <stdint.h>

#include "haplopoll.h"
#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/multi.h"
#include "http/socket_watch.h"
#include "http/trust.h"

#define IDLE_S_MAX 25L /* many servers drop connections idle for 30 s */
#define LIBCURL_CONNECT_LIMIT_MS 300000 /* where none is set */

/* libcurl refuses an option only when it has no memory for a copy. */
#define SET(curl, option, value) \
    (curl_easy_setopt((curl), (option), (value)) == CURLE_OK)

static long to_long(uint64_t value)
{
    return value > LONG_MAX ? LONG_MAX : (long)value;
}

static bool set_callbacks(struct easy *easy,
                          const struct easy_callbacks *callbacks)
{
    CURL *curl = easy->curl;
    return SET(curl, CURLOPT_PRIVATE, easy) &&
           SET(curl, CURLOPT_ERRORBUFFER, easy->detail) &&
           SET(curl, CURLOPT_OPENSOCKETFUNCTION, socket_watch_open_cb) &&
           SET(curl, CURLOPT_OPENSOCKETDATA, easy) &&
           SET(curl, CURLOPT_CLOSESOCKETFUNCTION, socket_watch_close_cb) &&
           SET(curl, CURLOPT_CLOSESOCKETDATA, easy->client) &&
           SET(curl, CURLOPT_PREREQFUNCTION, callbacks->connected_cb) &&
           SET(curl, CURLOPT_PREREQDATA, easy) &&
           SET(curl, CURLOPT_HEADERFUNCTION, callbacks->header_cb) &&
           SET(curl, CURLOPT_HEADERDATA, easy) &&
           SET(curl, CURLOPT_WRITEFUNCTION, callbacks->body_cb) &&
           SET(curl, CURLOPT_WRITEDATA, easy);
}

/* Only what was asked for: one HTTP request, its response, and nothing that the
 * environment or the server could add to it. */
static bool set_http(CURL *curl, const struct endpoint *endpoint)
{
    return SET(curl, CURLOPT_CURLU, endpoint->url.parts) &&
           SET(curl, CURLOPT_NOSIGNAL, 1L) &&
           SET(curl, CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(curl, CURLOPT_HTTP09_ALLOWED, 0L) &&
           SET(curl, CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(curl, CURLOPT_ACCEPT_ENCODING, "gzip") &&
           SET(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
}

/* A pin never expires, so that libcurl never resolves a name itself. */
static bool set_connection(CURL *curl, const struct endpoint *endpoint)
{
    CURLSH *share = endpoint->share != NULL ? endpoint->share
                                            : endpoint->client->plain_share;
    return SET(curl, CURLOPT_SHARE, share) &&
           SET(curl, CURLOPT_MAXAGE_CONN, IDLE_S_MAX) &&
           SET(curl, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
}

static bool set_proxy(CURL *curl, const struct endpoint *endpoint)
{
    if (endpoint->proxy == NULL) {
        return SET(curl, CURLOPT_PROXY, "") && SET(curl, CURLOPT_NOPROXY, "*");
    }
    return SET(curl, CURLOPT_PROXY, endpoint->proxy) &&
           SET(curl, CURLOPT_NOPROXY, "") &&
           SET(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           SET(curl, CURLOPT_PROXY_KEYPASSWD, "") &&
           SET(curl, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/* A passphrase is given, so that nobody is asked for one on the terminal while
 * everything waits. */
static bool set_tls(CURL *curl, const struct endpoint *endpoint)
{
    if (!endpoint->url.is_tls) {
        return true;
    }
    return SET(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(curl, CURLOPT_SSL_VERIFYPEER, 1L) &&
           SET(curl, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(curl, CURLOPT_KEYPASSWD, "");
}

/* Verifies servers, and proxies that are reached over TLS. */
static bool set_trust(CURL *curl, struct easy *easy)
{
    const struct endpoint *endpoint = easy->endpoint;
    struct trust *trust = easy->slot->multi->trust;
    if (!endpoint->url.is_tls && !endpoint_has_tls_proxy(endpoint)) {
        return true;
    }
    if (trust_is_lent(trust, endpoint->tls_ca_file)) {
        easy->trust = trust;
    }
    return trust_set_options(trust, curl, endpoint->tls_ca_file);
}

bool easy_set_options(struct easy *easy, const struct easy_callbacks *callbacks)
{
    CURL *curl = easy->curl;
    const struct endpoint *endpoint = easy->endpoint;
    return set_callbacks(easy, callbacks) && set_http(curl, endpoint) &&
           set_connection(curl, endpoint) && easy_set_address_count(easy, 1) &&
           set_proxy(curl, endpoint) && set_tls(curl, endpoint) &&
           set_trust(curl, easy) && response_line_set_options(easy);
}

/* The watchdog enforces the limits. libcurl's own limit makes it try the next
 * address in time, but costs a timer for each transfer, even on a reused
 * connection. */
bool easy_set_address_count(struct easy *easy, unsigned count)
{
    uint64_t limit_ms = easy->endpoint->connect_timeout_ms;
    bool is_needed = count > 1 || limit_ms >= LIBCURL_CONNECT_LIMIT_MS;
    return SET(easy->curl, CURLOPT_CONNECTTIMEOUT_MS,
               is_needed ? to_long(limit_ms) : 0L);
}
