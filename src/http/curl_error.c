#include "http/curl_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "http/easy.h"
#include "http/endpoint_private.h"
#include "http/proxy_reply.h"
#include "http/resolver.h"
#include "http/tls_error.h"

/* "60 s" or "1500 ms". */
struct duration {
    char text[32]; /* with its unit */
};

static struct duration duration_print(uint64_t ms)
{
    struct duration duration;
    bool is_whole = ms % 1000 == 0;
    (void)snprintf(duration.text, sizeof duration.text, "%" PRIu64 " %s",
                   is_whole ? ms / 1000 : ms, is_whole ? "s" : "ms");
    return duration;
}

static const char *proxy_word(const struct easy *easy)
{
    return easy->endpoint->proxy != NULL ? "proxy " : "";
}

/* They may be stale. */
static void doubt_addresses(const struct easy *easy)
{
    if (easy->endpoint->resolver != NULL) {
        resolver_doubt(easy->endpoint->resolver);
    }
}

static int explain_connect(struct easy *easy)
{
    const struct host *peer = endpoint_peer(easy->endpoint);
    long number = easy->open_errno;
    if (number == 0 &&
        curl_easy_getinfo(easy->curl, CURLINFO_OS_ERRNO, &number) != CURLE_OK) {
        number = 0;
    }
    doubt_addresses(easy);
    return reason_set(
        &easy->why, number == ENOMEM ? HAPLO_ENOMEM : HAPLO_ECONNECT,
        "connect to %s%s port %u: %s", proxy_word(easy), peer->name, peer->port,
        number > 0 ? uv_strerror(uv_translate_sys_error((int)number))
                   : easy->detail);
}

static bool expects_https(const struct easy *easy)
{
    return !easy->endpoint->url.is_tls &&
           strstr(easy->detail, "HTTP/0.9") != NULL;
}

static int explain_protocol(struct easy *easy, CURLcode code)
{
    return reason_set(
        &easy->why, HAPLO_EPROTOCOL, "the response is not valid HTTP/1.1: %s%s",
        easy->detail[0] != '\0' ? easy->detail : curl_easy_strerror(code),
        expects_https(easy) ? "; does the server expect https?" : "");
}

/* libcurl has one code for a connection that fails and for malformed bytes on
 * it. */
static bool is_malformed(const struct easy *easy)
{
    return strstr(easy->detail, "chunked-encoding") != NULL ||
           strstr(easy->detail, "Too large response headers") != NULL;
}

static int explain_reset(struct easy *easy, CURLcode code)
{
    const char *detail = easy->detail;
    const char *when = easy->phase == EASY_RECEIVING
                           ? "before the response was complete"
                           : "before any response";
    if (!easy_is_connected(easy) && easy->endpoint->proxy != NULL) {
        return proxy_explain(easy);
    }
    if (code == CURLE_RECV_ERROR && is_malformed(easy)) {
        return explain_protocol(easy, code);
    }
    if (tls_error_is_alert(easy)) {
        return tls_error_explain(easy, code);
    }
    /* One cause has one text: a reset, what libcurl makes of CURL_CSELECT_ERR,
     * and of a connection that is lost before it has asked where it leads. */
    if (strstr(detail, "Connection reset by peer") != NULL ||
        strstr(detail, "select/poll") != NULL ||
        strstr(detail, "getpeername()") != NULL) {
        detail = "connection reset by peer";
    }
    return reason_set(&easy->why, HAPLO_ERESET,
                      "the connection was lost %s: %s%s", when, detail,
                      tls_error_hint_lost(easy));
}

/* libcurl has no code of its own for a head that is larger than it accepts. */
static int explain_memory(struct easy *easy)
{
    if (easy_is_connected(easy) && !easy->is_head_told) {
        return reason_set(
            &easy->why, HAPLO_EPROTOCOL,
            "the response's head is too large, or memory ran out");
    }
    return reason_set(&easy->why, HAPLO_ENOMEM, "out of memory");
}

static int explain_other(struct easy *easy, CURLcode code)
{
    return reason_set(
        &easy->why, easy_is_connected(easy) ? HAPLO_EPROTOCOL : HAPLO_ECONNECT,
        "libcurl error %d: %s", (int)code,
        easy->detail[0] != '\0' ? easy->detail : curl_easy_strerror(code));
}

/* Callbacks that reject something have set an error of their own, so it is
 * libcurl that rejects what follows a gzip stream. */
static int explain_write(struct easy *easy, CURLcode code)
{
    if (!easy->lines.is_compressed) {
        return explain_other(easy, code);
    }
    return reason_set(&easy->why, HAPLO_EPROTOCOL,
                      "the response continues after the end of its gzip "
                      "stream; it must have one member");
}

/* This is what libcurl calls a line of a trailer without a colon. */
static int explain_trailer(struct easy *easy, CURLcode code)
{
    return easy->lines.part == RESPONSE_BODY ? response_line_fail_trailer(easy)
                                             : explain_other(easy, code);
}

int curl_error_explain(struct easy *easy, CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return reason_set(&easy->why, HAPLO_ERESOLVE, "resolve %s: %s",
                          endpoint_peer(easy->endpoint)->name, easy->detail);
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return explain_connect(easy);
    case CURLE_PROXY:
        return proxy_explain(easy);
    case CURLE_OPERATION_TIMEDOUT:
        return curl_error_explain_limit(easy, false);
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_USE_SSL_FAILED:
        return tls_error_explain(easy, code);
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        return explain_reset(easy, code);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP_RETURNED_ERROR:
    case CURLE_TOO_MANY_REDIRECTS:
        return explain_protocol(easy, code);
    case CURLE_OUT_OF_MEMORY:
        return explain_memory(easy);
    case CURLE_WRITE_ERROR:
        return explain_write(easy, code);
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return explain_trailer(easy, code);
    default:
        return explain_other(easy, code);
    }
}

static int explain_connect_limit(struct easy *easy)
{
    const struct host *peer = endpoint_peer(easy->endpoint);
    struct duration limit = duration_print(easy->endpoint->connect_timeout_ms);
    if (easy->phase == EASY_RESOLVING) {
        return reason_set(&easy->why, HAPLO_ETIMEDOUT,
                          "resolve %s: no address within %s "
                          "(connect_timeout)",
                          peer->name, limit.text);
    }
    doubt_addresses(easy);
    return reason_set(&easy->why, HAPLO_ETIMEDOUT,
                      "connect to %s%s port %u: no connection within %s "
                      "(connect_timeout)",
                      proxy_word(easy), peer->name, peer->port, limit.text);
}

int curl_error_explain_limit(struct easy *easy, bool is_total)
{
    const struct endpoint *endpoint = easy->endpoint;
    if (is_total) {
        return reason_set(&easy->why, HAPLO_ETIMEDOUT,
                          "response incomplete after %s (total_timeout)",
                          duration_print(endpoint->total_timeout_ms).text);
    }
    if (easy->phase == EASY_WAITING) {
        return reason_set(&easy->why, HAPLO_ETIMEDOUT,
                          "no response within %s (first_byte_timeout)",
                          duration_print(endpoint->first_byte_timeout_ms).text);
    }
    if (easy->phase == EASY_RECEIVING) {
        return reason_set(&easy->why, HAPLO_ETIMEDOUT,
                          "stalled: no data for %s (stall_timeout)",
                          duration_print(endpoint->stall_timeout_ms).text);
    }
    return explain_connect_limit(easy);
}
