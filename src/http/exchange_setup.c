#include "http/exchange_setup.h"

#include <limits.h>
#include <stdint.h>

#include "haplopoll.h"
#include "http/endpoint_private.h"
#include "http/exchange.h"
#include "http/multi.h"
#include "http/socket_watch.h"
#include "http/trust.h"

#define IDLE_S_MAX 25L /* the server drops a connection idle for 30 s */
#define LIBCURL_CONNECT_LIMIT_MS 300000 /* where none is set */

/* libcurl refuses an option only when it has no memory for a copy. */
#define SET(easy, option, value) \
    (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static long to_long(uint64_t value)
{
    return value > LONG_MAX ? LONG_MAX : (long)value;
}

static bool set_callbacks(struct exchange *exchange,
                          const struct exchange_callbacks *callbacks)
{
    CURL *easy = exchange->easy;
    return SET(easy, CURLOPT_PRIVATE, exchange) &&
           SET(easy, CURLOPT_ERRORBUFFER, exchange->detail) &&
           SET(easy, CURLOPT_OPENSOCKETFUNCTION, socket_watch_open_cb) &&
           SET(easy, CURLOPT_OPENSOCKETDATA, exchange) &&
           SET(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_watch_close_cb) &&
           SET(easy, CURLOPT_CLOSESOCKETDATA, exchange->io) &&
           SET(easy, CURLOPT_PREREQFUNCTION, callbacks->connected_cb) &&
           SET(easy, CURLOPT_PREREQDATA, exchange) &&
           SET(easy, CURLOPT_HEADERFUNCTION, callbacks->header_cb) &&
           SET(easy, CURLOPT_HEADERDATA, exchange) &&
           SET(easy, CURLOPT_WRITEFUNCTION, callbacks->body_cb) &&
           SET(easy, CURLOPT_WRITEDATA, exchange);
}

/* Only what is asked for: one HTTP request, its answer, and nothing that the
 * environment or the server could add to it. */
static bool set_http(CURL *easy, const struct endpoint *endpoint)
{
    return SET(easy, CURLOPT_CURLU, endpoint->url) &&
           SET(easy, CURLOPT_NOSIGNAL, 1L) &&
           SET(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
           SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SET(easy, CURLOPT_HTTP09_ALLOWED, 0L) &&
           SET(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(easy, CURLOPT_ACCEPT_ENCODING, "gzip") &&
           SET(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
}

/* What is pinned never runs out, so that libcurl does not resolve names by
 * itself. */
static bool set_connection(CURL *easy)
{
    return SET(easy, CURLOPT_MAXAGE_CONN, IDLE_S_MAX) &&
           SET(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
}

static bool set_proxy(CURL *easy, const struct endpoint *endpoint)
{
    if (endpoint->proxy == NULL) {
        return SET(easy, CURLOPT_PROXY, "") && SET(easy, CURLOPT_NOPROXY, "*");
    }
    return SET(easy, CURLOPT_PROXY, endpoint->proxy) &&
           SET(easy, CURLOPT_NOPROXY, "") &&
           SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           SET(easy, CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

static bool set_tls(CURL *easy, const struct endpoint *endpoint)
{
    if (!endpoint->is_tls) {
        return true;
    }
    return SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
           SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(easy, CURLOPT_SSLCERT, endpoint->tls_certificate_file) &&
           SET(easy, CURLOPT_SSLKEY, endpoint->tls_key_file) &&
           SET(easy, CURLOPT_SHARE, endpoint->share);
}

/* Of servers, and of proxies that are spoken to over TLS. */
static bool set_trust(CURL *easy, const struct exchange *exchange)
{
    const struct endpoint *endpoint = exchange->endpoint;
    return (!endpoint->is_tls && endpoint->proxy == NULL) ||
           trust_set_options(exchange->slot->multi->trust, easy,
                             endpoint->tls_ca_file);
}

bool exchange_set_options(struct exchange *exchange,
                          const struct exchange_callbacks *callbacks)
{
    CURL *easy = exchange->easy;
    const struct endpoint *endpoint = exchange->endpoint;
    return set_callbacks(exchange, callbacks) && set_http(easy, endpoint) &&
           set_connection(easy) && exchange_set_address_count(exchange, 1) &&
           set_proxy(easy, endpoint) && set_tls(easy, endpoint) &&
           set_trust(easy, exchange) && answer_line_set_options(exchange);
}

/* The limits are the watchdog's. libcurl's own makes it go on to the next
 * address in time, but costs a timer for each request, on any connection. */
bool exchange_set_address_count(struct exchange *exchange, unsigned count)
{
    uint64_t limit_ms = exchange->endpoint->connect_timeout_ms;
    bool is_needed = count > 1 || limit_ms >= LIBCURL_CONNECT_LIMIT_MS;
    return SET(exchange->easy, CURLOPT_CONNECTTIMEOUT_MS,
               is_needed ? to_long(limit_ms) : 0L);
}
