#include "http/url.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"

#define PROXY_PORT_DEFAULT 1080u /* libcurl's */

/* Whether the URL has the part, and it is as expected (NULL: any value). Asking
 * makes a copy, so it returns 0 or HAPLO_ENOMEM. */
static int part_test(CURLU *url, CURLUPart part, const char *expected, bool *is)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);
    *is = code == CURLUE_OK &&
          (expected == NULL || strcasecmp(text, expected) == 0);
    curl_free(text);
    return code == CURLUE_OUT_OF_MEMORY ? HAPLO_ENOMEM : 0;
}

static int parse_error(CURLUcode code, const char *option, struct reason *why)
{
    switch (code) {
    case CURLUE_OUT_OF_MEMORY:
        return HAPLO_ENOMEM;
    case CURLUE_USER_NOT_ALLOWED:
        return reason_set(why, HAPLO_EINVAL,
                          "%s: user names and passwords are not allowed in it",
                          option);
    default:
        return reason_set(why, HAPLO_EINVAL, "%s: %s", option,
                          curl_url_strerror(code));
    }
}

static int option_host_read(struct host *host, CURLU *url, unsigned port,
                            const char *option, struct reason *why)
{
    int error = host_read(host, url, port);
    return error != HAPLO_EINVAL
               ? error
               : reason_set(why, error, "%s: it names no valid host", option);
}

static int server_check(const struct server_url *url, bool allow_http,
                        struct reason *why)
{
    bool is_root = false;
    bool has_query = false;
    bool has_fragment = false;
    bool is_http = false;
    if (part_test(url->parts, CURLUPART_PATH, "/", &is_root) != 0 ||
        part_test(url->parts, CURLUPART_QUERY, NULL, &has_query) != 0 ||
        part_test(url->parts, CURLUPART_FRAGMENT, NULL, &has_fragment) != 0 ||
        part_test(url->parts, CURLUPART_SCHEME, "http", &is_http) != 0) {
        return HAPLO_ENOMEM;
    }
    if (!is_root || has_query || has_fragment) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: only https://HOST[:PORT], nothing after it");
    }
    if (!url->is_tls && !is_http) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: it must begin with https://");
    }
    if (!url->is_tls && !allow_http && !host_is_loopback(&url->host)) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: http would send credentials to %s unencrypted; "
                          "use https, or set allow_http",
                          url->host.name);
    }
    return 0;
}

/* libcurl ends it with a slash, which the path brings as well. */
static int origin_set(struct server_url *url)
{
    char *text = NULL;
    if (curl_url_get(url->parts, CURLUPART_URL, &text, 0) != CURLUE_OK) {
        return HAPLO_ENOMEM;
    }
    size_t size = strlen(text);
    if (size > 0 && text[size - 1] == '/') {
        text[size - 1] = '\0';
    }
    url->origin = alloc_string(text);
    curl_free(text);
    return url->origin != NULL ? 0 : HAPLO_ENOMEM;
}

int server_url_read(struct server_url *url, const char *text, bool allow_http,
                    struct reason *why)
{
    memset(url, 0, sizeof *url);
    url->parts = curl_url();
    if (url->parts == NULL) {
        return HAPLO_ENOMEM;
    }
    CURLUcode code =
        curl_url_set(url->parts, CURLUPART_URL, text,
                     CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME);
    if (code != CURLUE_OK) {
        return parse_error(code, "url", why);
    }
    int error = part_test(url->parts, CURLUPART_SCHEME, "https", &url->is_tls);
    if (error == 0) {
        error = option_host_read(&url->host, url->parts, url->is_tls ? 443 : 80,
                                 "url", why);
    }
    if (error == 0) {
        error = server_check(url, allow_http, why);
    }
    return error != 0 ? error : origin_set(url);
}

void server_url_clear(struct server_url *url)
{
    curl_url_cleanup(url->parts);
    alloc_free(url->origin);
    host_clear(&url->host);
    url->parts = NULL;
    url->origin = NULL;
}

/* Sets the port that goes with the scheme. */
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
        if (part_test(url, CURLUPART_SCHEME, kinds[i].scheme, &is) != 0) {
            return HAPLO_ENOMEM;
        }
        if (is) {
            *port = kinds[i].port;
            return 0;
        }
    }
    return reason_set(why, HAPLO_EINVAL,
                      "proxy: it must begin with http://, https://, socks5h:// "
                      "or socks4a://");
}

int proxy_url_read(struct host *host, const char *text, struct reason *why)
{
    CURLU *url = curl_url();
    unsigned port = 0;
    if (url == NULL) {
        return HAPLO_ENOMEM;
    }
    CURLUcode code =
        curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    int error = code != CURLUE_OK ? parse_error(code, "proxy", why)
                                  : proxy_check(url, &port, why);
    if (error == 0) {
        error = option_host_read(host, url, port, "proxy", why);
    }
    curl_url_cleanup(url);
    return error;
}
