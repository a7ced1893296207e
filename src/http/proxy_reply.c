#include "http/proxy_reply.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>

#include "http/easy.h"
#include "http/endpoint_private.h"

long proxy_connect_status(const struct easy *easy)
{
    long status = 0;
    CURLcode code =
        curl_easy_getinfo(easy->curl, CURLINFO_HTTP_CONNECTCODE, &status);
    return code == CURLE_OK ? status : 0;
}

/* All statuses that say "not like this", and none that says "not now". */
static bool is_refusal(long status)
{
    return status >= 400 && status <= 499 && status != 408 && status != 425 &&
           status != 429;
}

static int explain_login(struct easy *easy)
{
    const struct host *proxy = endpoint_peer(easy->endpoint);
    bool has_login = strchr(easy->endpoint->proxy, '@') != NULL;
    return reason_set(&easy->why, HAPLO_EPROXY, "proxy %s port %u %s",
                      proxy->name, proxy->port,
                      has_login ? "refuses the user and password in `proxy`"
                                : "requires a user and a password; put them "
                                  "into `proxy`, as in "
                                  "http://USER:PASSWORD@HOST:PORT");
}

static int explain_refusal(struct easy *easy, long status, const char *detail)
{
    const struct host *proxy = endpoint_peer(easy->endpoint);
    const struct host *server = &easy->endpoint->url.host;
    return reason_set(&easy->why, HAPLO_EPROXY,
                      "proxy %s port %u refuses to connect to %s port %u: "
                      "%ld%s%.100s; see `proxy`",
                      proxy->name, proxy->port, server->name, server->port,
                      status, detail[0] != '\0' ? ", " : "", detail);
}

static int explain_connection(struct easy *easy, const char *detail)
{
    const struct host *proxy = endpoint_peer(easy->endpoint);
    return reason_set(&easy->why, HAPLO_ECONNECT,
                      "connect through proxy %s port %u: %s", proxy->name,
                      proxy->port, detail);
}

/* SOCKS */
static bool is_login_refused(CURLproxycode code)
{
    return code == CURLPX_USER_REJECTED || code == CURLPX_NO_AUTH;
}

int proxy_explain(struct easy *easy)
{
    long status = proxy_connect_status(easy);
    long code = CURLPX_OK;
    if (curl_easy_getinfo(easy->curl, CURLINFO_PROXY_ERROR, &code) !=
        CURLE_OK) {
        code = CURLPX_OK;
    }
    if (status == 407 || is_login_refused((CURLproxycode)code)) {
        return explain_login(easy);
    }
    if (is_refusal(status)) {
        return explain_refusal(easy, status, "");
    }
    return explain_connection(easy, easy->detail);
}

static const char *header_find(const struct easy *easy, const char *name)
{
    struct curl_header *header = NULL;
    return curl_easy_header(easy->curl, name, 0, CURLH_HEADER, -1, &header) ==
                   CURLHE_OK
               ? header->value
               : NULL;
}

/* What the proxy says of itself, or NULL. A proxy may add Proxy-Status to the
 * server's responses as well; then it has no error. */
static const char *evidence_find(const struct easy *easy)
{
    const char *error = header_find(easy, "X-Squid-Error");
    const char *status = header_find(easy, "Proxy-Status");
    if (error != NULL) {
        return error;
    }
    return status != NULL && strstr(status, "error=") != NULL ? status : NULL;
}

int proxy_reply_check(struct easy *easy, long status)
{
    const char *evidence = NULL;
    if (status < 400 || !endpoint_needs_whole_url(easy->endpoint)) {
        return 0;
    }
    if (status == 407) {
        return explain_login(easy);
    }
    evidence = evidence_find(easy);
    if (evidence == NULL) {
        return 0;
    }
    return is_refusal(status) ? explain_refusal(easy, status, evidence)
                              : explain_connection(easy, evidence);
}
