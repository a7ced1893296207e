#include "http/endpoint_private.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "http/exchange.h"
#include "http/multi.h"
#include "http/resolve.h"

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define PROXY_PORT_DEFAULT 1080u /* libcurl's */

static const char *system_ca_file(void)
{
    const char *file = curl_version_info(CURLVERSION_NOW)->cainfo;
    return file != NULL ? file : SYSTEM_CA_FILE;
}

/* Whether the URL has the part, and it is as expected (NULL: whatever it is).
 * curl_url_get() is the only way to ask, and makes a copy: 0 or HAPLO_ENOMEM.
 */
static int url_test(CURLU *url, CURLUPart part, const char *expected, bool *is)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);
    *is = code == CURLUE_OK &&
          (expected == NULL || strcasecmp(text, expected) == 0);
    curl_free(text);
    return code == CURLUE_OUT_OF_MEMORY ? HAPLO_ENOMEM : 0;
}

/* The URL itself is not repeated in any text: it may hold a password. */
static int url_error(CURLUcode code, const char *option, struct reason *why)
{
    switch (code) {
    case CURLUE_OUT_OF_MEMORY:
        return HAPLO_ENOMEM;
    case CURLUE_USER_NOT_ALLOWED:
        return reason_set(why, HAPLO_EINVAL,
                          "%s: no user and no password may stand in it; see "
                          "api_key",
                          option);
    default:
        return reason_set(why, HAPLO_EINVAL, "%s: %s", option,
                          curl_url_strerror(code));
    }
}

static int url_check(struct endpoint *endpoint,
                     const struct haplo_server_options *options,
                     struct reason *why)
{
    CURLU *url = endpoint->url;
    bool is_root = false;
    bool has_query = false;
    bool has_fragment = false;
    bool is_http = false;
    if (url_test(url, CURLUPART_PATH, "/", &is_root) != 0 ||
        url_test(url, CURLUPART_QUERY, NULL, &has_query) != 0 ||
        url_test(url, CURLUPART_FRAGMENT, NULL, &has_fragment) != 0 ||
        url_test(url, CURLUPART_SCHEME, "http", &is_http) != 0) {
        return HAPLO_ENOMEM;
    }
    if (!is_root || has_query || has_fragment) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: only https://HOST[:PORT], nothing after it");
    }
    if (!endpoint->is_tls && !is_http) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: it must begin with https://");
    }
    if (!endpoint->is_tls && !options->allow_http &&
        !place_is_loopback(&endpoint->target)) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: http would send the API key to %s in the "
                          "clear; use https, or set allow_http",
                          endpoint->target.host);
    }
    return 0;
}

/* "https://HOST:PORT", to which a path is appended. */
static int base_url_set(struct endpoint *endpoint)
{
    char *text = NULL;
    if (curl_url_get(endpoint->url, CURLUPART_URL, &text, 0) != CURLUE_OK) {
        return HAPLO_ENOMEM;
    }
    size_t size = strlen(text);
    if (size > 0 && text[size - 1] == '/') {
        text[size - 1] = '\0';
    }
    endpoint->base_url = alloc_string(text);
    curl_free(text);
    return endpoint->base_url != NULL ? 0 : HAPLO_ENOMEM;
}

static int url_set(struct endpoint *endpoint,
                   const struct haplo_server_options *options,
                   struct reason *why)
{
    CURLUcode code =
        curl_url_set(endpoint->url, CURLUPART_URL, options->url,
                     CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK) {
        return url_error(code, "url", why);
    }
    int error =
        url_test(endpoint->url, CURLUPART_SCHEME, "https", &endpoint->is_tls);
    if (error == 0) {
        error = place_read(&endpoint->target, endpoint->url,
                           endpoint->is_tls ? 443 : 80);
    }
    if (error == HAPLO_EINVAL) {
        return reason_set(why, error, "url: it names no valid host");
    }
    if (error == 0) {
        error = url_check(endpoint, options, why);
    }
    return error != 0 ? error : base_url_set(endpoint);
}

/* SOCKS only in the kinds where the proxy resolves the name, as libcurl would
 * do it itself for the others. Sets the port that goes with the scheme. */
static int proxy_check(CURLU *url, unsigned *port, struct reason *why)
{
    static const struct {
        const char *scheme;
        unsigned port;
    } kinds[] = {{"http", PROXY_PORT_DEFAULT},
                 {"https", 443},
                 {"socks5h", PROXY_PORT_DEFAULT},
                 {"socks4a", PROXY_PORT_DEFAULT}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        bool is = false;
        if (url_test(url, CURLUPART_SCHEME, kinds[i].scheme, &is) != 0) {
            return HAPLO_ENOMEM;
        }
        if (is) {
            *port = kinds[i].port;
            return 0;
        }
    }
    return reason_set(why, HAPLO_EINVAL,
                      "proxy: only http://, https://, socks5h:// and "
                      "socks4a:// are known");
}

static int proxy_set(struct endpoint *endpoint, const char *proxy,
                     struct reason *why)
{
    if (proxy == NULL || proxy[0] == '\0') {
        return 0;
    }
    CURLU *url = curl_url();
    endpoint->proxy = alloc_string(proxy);
    if (url == NULL || endpoint->proxy == NULL) {
        curl_url_cleanup(url);
        return HAPLO_ENOMEM;
    }
    CURLUcode code =
        curl_url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME);
    unsigned port = 0;
    int error = code != CURLUE_OK ? url_error(code, "proxy", why)
                                  : proxy_check(url, &port, why);
    if (error == 0) {
        error = place_read(&endpoint->proxy_place, url, port);
    }
    curl_url_cleanup(url);
    return error;
}

/* Copies a file's name; none if it is NULL or empty. */
static int file_set(char **file, const char *name)
{
    if (name == NULL || name[0] == '\0') {
        return 0;
    }
    *file = alloc_string(name);
    return *file != NULL ? 0 : HAPLO_ENOMEM;
}

/* One cache of TLS sessions for all exchanges of the endpoint: most often a
 * connection has been idle for too long and a new one is made, by whichever
 * easy handle is free. */
static int tls_set(struct endpoint *endpoint,
                   const struct haplo_server_options *options)
{
    const char *ca_file = options->tls_ca_file;
    if (ca_file == NULL || ca_file[0] == '\0') {
        ca_file = system_ca_file();
    }
    if (file_set(&endpoint->tls_ca_file, ca_file) != 0 ||
        file_set(&endpoint->tls_certificate_file,
                 options->tls_certificate_file) != 0 ||
        file_set(&endpoint->tls_key_file, options->tls_key_file) != 0) {
        return HAPLO_ENOMEM;
    }
    if (!endpoint->is_tls) {
        return 0;
    }
    endpoint->share = curl_share_init();
    if (endpoint->share == NULL ||
        curl_share_setopt(endpoint->share, CURLSHOPT_SHARE,
                          CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        return HAPLO_ENOMEM;
    }
    return 0;
}

/* Divides the connections evenly among as few multi handles as can be. */
static int slots_set(struct endpoint *endpoint, unsigned in_flight_max)
{
    unsigned left = in_flight_max == 0 ? 1 : in_flight_max;
    unsigned slot_count =
        (left + MULTI_CONNECTIONS_MAX - 1) / MULTI_CONNECTIONS_MAX;
    endpoint->slots = alloc_zeroed(slot_count, sizeof endpoint->slots[0]);
    if (endpoint->slots == NULL) {
        return HAPLO_ENOMEM;
    }
    for (unsigned i = 0; i < slot_count; i++) {
        struct slot *slot = &endpoint->slots[i];
        unsigned share = left / (slot_count - i);
        slot->multi = multi_promise(endpoint->io, endpoint->tls_ca_file, share);
        if (slot->multi == NULL) {
            return HAPLO_ENOMEM;
        }
        slot->promised = share;
        left -= share;
        endpoint->slot_count++;
    }
    return 0;
}

int endpoint_new(struct io *io, const struct haplo_server_options *options,
                 struct endpoint **result, struct reason *why)
{
    int error = HAPLO_ENOMEM;
    *result = NULL;
    struct endpoint *endpoint = alloc_zeroed(1, sizeof *endpoint);
    if (endpoint == NULL) {
        return reason_set(why, error, "out of memory");
    }
    endpoint->io = io;
    endpoint->connect_timeout_ms = options->connect_timeout_ms;
    endpoint->first_byte_timeout_ms = options->first_byte_timeout_ms;
    endpoint->stall_timeout_ms = options->stall_timeout_ms;
    endpoint->total_timeout_ms = options->total_timeout_ms;
    LIST_INIT(&endpoint->warm);
    endpoint->url = curl_url();
    if (endpoint->url != NULL) {
        error = url_set(endpoint, options, why);
    }
    if (error == 0) {
        error = proxy_set(endpoint, options->proxy, why);
    }
    if (error == 0) {
        error = tls_set(endpoint, options);
    }
    if (error == 0) {
        error = slots_set(endpoint, options->in_flight_max);
    }
    if (error != 0) {
        endpoint_free(endpoint);
        return error == HAPLO_ENOMEM ? reason_set(why, error, "out of memory")
                                     : error;
    }
    *result = endpoint;
    return 0;
}

void endpoint_free(struct endpoint *endpoint)
{
    assert(endpoint->busy_count == 0);
    while (!LIST_EMPTY(&endpoint->warm)) {
        exchange_reset(LIST_FIRST(&endpoint->warm));
    }
    resolve_abandon(endpoint);
    for (unsigned i = 0; i < endpoint->slot_count; i++) {
        multi_withdraw(endpoint->slots[i].multi, endpoint->slots[i].promised);
    }
    if (endpoint->share != NULL) {
        CURLSHcode code = curl_share_cleanup(endpoint->share);
        assert(code == CURLSHE_OK);
        (void)code;
    }
    if (endpoint->proxy != NULL) {
        explicit_bzero(endpoint->proxy, strlen(endpoint->proxy));
    }
    curl_url_cleanup(endpoint->url);
    place_clear(&endpoint->target);
    place_clear(&endpoint->proxy_place);
    alloc_free(endpoint->base_url);
    alloc_free(endpoint->proxy);
    alloc_free(endpoint->tls_ca_file);
    alloc_free(endpoint->tls_certificate_file);
    alloc_free(endpoint->tls_key_file);
    alloc_free(endpoint->slots);
    alloc_free(endpoint);
}

const struct place *endpoint_peer(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL ? &endpoint->proxy_place : &endpoint->target;
}

bool endpoint_needs_whole_url(const struct endpoint *endpoint)
{
    return endpoint->proxy != NULL && !endpoint->is_tls &&
           strncasecmp(endpoint->proxy, "socks", 5) != 0;
}
