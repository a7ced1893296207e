/*
 * validation.c - rules for names, API keys and URLs. The library applies them
 * when a server or a queue is added; applications can check beforehand.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/token_pattern.h"
#include "http/host.h"
#include "poller/options.h"
#include "poller/url_path.h"

#define HOST_SIZE_MAX 253 /* longest DNS name */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

#define LETTERS_AND_DIGITS       \
    "abcdefghijklmnopqrstuvwxyz" \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
    "0123456789"

static int name_check(const char *name, struct reason *why)
{
    size_t size = 0;
    if (name == NULL || name[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL, "it is empty: give it a name");
    }
    while (url_path_has(name[size])) {
        size++;
    }
    if (size + strlen(name + size) > HAPLO_NAME_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "it is longer than %d bytes: shorten it",
                          HAPLO_NAME_SIZE_MAX);
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "it is the name of a folder: choose another");
    }
    /* A server compares names undecoded, so it would never find a queue whose
     * name needs encoding. */
    if (name[size] != '\0') {
        return reason_set(why, HAPLO_EINVAL,
                          "it has a character that cannot stand in a poll URL: "
                          "copy a queue's name from its page, and choose a "
                          "server's like example-live");
    }
    return 0;
}

int haplo_name_check(const char *name, char *why, size_t why_size)
{
    struct reason reason;
    return options_explain(name_check(name, &reason), why, why_size, &reason);
}

/* The reason must not contain any part of the key. */
static int api_key_check(const char *key, struct reason *why)
{
    size_t size = key == NULL ? 0 : strlen(key);
    if (size == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "it is empty: copy the whole key from the server");
    }
    if (size > HAPLO_KEY_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "it has more than %d characters: give the key and "
                          "nothing else",
                          HAPLO_KEY_SIZE_MAX);
    }
    if (strncmp(key, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "it begins with a byte order mark: save it as plain "
                          "ASCII, or UTF-8 without one");
    }
    if (strpbrk(key, "\r\n") != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "it has a line break inside, or more than one at its "
                          "end: give the key in one line and nothing else");
    }
    for (const char *c = key; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f) {
            return reason_set(why, HAPLO_EINVAL,
                              "it has a space or another character that no key "
                              "has: copy it again from the server");
        }
    }
    if (size < HAPLO_KEY_SIZE_MIN) {
        return reason_set(why, HAPLO_EINVAL,
                          "it is too short: copy the whole key from the "
                          "server, at least %d characters",
                          HAPLO_KEY_SIZE_MIN);
    }
    return 0;
}

int haplo_api_key_check(const char *key, char *why, size_t why_size)
{
    struct reason reason;
    return options_explain(api_key_check(key, &reason), why, why_size, &reason);
}

/* The text after this prefix, ignoring case; NULL: it does not match. */
static const char *text_after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncasecmp(text, prefix, size) == 0 ? text + size : NULL;
}

static bool host_is_valid(const char *host)
{
    size_t size = strlen(host);
    if (host[0] == '[') {
        struct in6_addr address;
        char text[INET6_ADDRSTRLEN] = "";
        if (size < 4 || size - 2 >= sizeof text || host[size - 1] != ']') {
            return false;
        }
        memcpy(text, host + 1, size - 2);
        return inet_pton(AF_INET6, text, &address) == 1;
    }
    return size > 0 && host[0] != '.' && host[0] != '-' &&
           strspn(host, LETTERS_AND_DIGITS "-._") == size;
}

static bool is_ascii(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] > 0x7f) {
            return false;
        }
    }
    return true;
}

/* The host may be written in several ways, only one of which DNS, certificates
 * and logs have. */
static int foreign_host_error(struct reason *why)
{
    return reason_set(why, HAPLO_EINVAL,
                      "its host name has characters outside ASCII: write it as "
                      "xn--..., which `idn2 HOST` prints");
}

/* Copies the host at the start of text, or "" if it is too long; returns its
 * size. */
static size_t host_copy(const char *text, char host[HOST_SIZE_MAX + 1])
{
    size_t size = *text == '['
                      ? strcspn(text, "]/?#") + (strchr(text, ']') != NULL)
                      : strcspn(text, ":/?#");
    host[0] = '\0';
    if (size <= HOST_SIZE_MAX) {
        memcpy(host, text, size);
        host[size] = '\0';
    }
    return size;
}

/* Skips an optional ":PORT". */
static int port_skip(const char **rest, struct reason *why)
{
    if (**rest != ':') {
        return 0;
    }
    size_t digits = strspn(*rest + 1, "0123456789");
    unsigned long port = strtoul(*rest + 1, NULL, 10);
    if (digits == 0 || digits > 5 || port == 0 || port > 65535) {
        return reason_set(why, HAPLO_EINVAL,
                          "invalid port: give 1 to 65535, or leave it out");
    }
    *rest += 1 + digits;
    return 0;
}

/* Accepts an optional ":PORT", then an optional path. */
static int rest_check(const char *rest, struct reason *why)
{
    int error = port_skip(&rest, why);
    if (error != 0) {
        return error;
    }
    if (strchr("/?#", *rest) == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "something follows the host: write https://HOST, "
                          "https://HOST:PORT or https://HOST/PATH");
    }
    /* What people paste is often the URL of a queue. */
    if (strstr(rest, "/api/haplo-integration-messages") != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "it goes on with the path of a queue: leave out "
                          "/api/haplo-integration-messages and what follows; "
                          "the queue's name gives the rest");
    }
    return url_path_check(rest, why);
}

/* Checks "HOST:PORT" of a server. The reason must not contain the URL, which
 * may include a password. */
static int authority_check(const char *text, bool allow_any, struct reason *why)
{
    char host[HOST_SIZE_MAX + 1];
    size_t size = host_copy(text, host);
    if (!is_ascii(text, size)) {
        return foreign_host_error(why);
    }
    if (!host_is_valid(host)) {
        return reason_set(why, HAPLO_EINVAL,
                          "no valid host name in it: write https://HOST");
    }
    int error = rest_check(text + size, why);
    if (error == 0 && !allow_any &&
        !host_is_loopback(&(struct host){.name = host})) {
        return reason_set(why, HAPLO_EINVAL,
                          "http:// would send API keys unencrypted: write "
                          "https://, or set allow_http");
    }
    return error;
}

static int url_check(const char *url, bool allow_http, struct reason *why)
{
    if (url == NULL || url[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL, "it is empty: write https://HOST");
    }
    if (strlen(url) > HAPLO_URL_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "it is longer than %d characters: shorten it",
                          HAPLO_URL_SIZE_MAX);
    }
    if (strchr(url, '@') != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "it must not hold a user or a password: write "
                          "https://HOST, and give each queue its API key");
    }
    const char *https = text_after(url, "https://");
    const char *http = text_after(url, "http://");
    if (https != NULL) {
        return authority_check(https, true, why);
    }
    if (http != NULL) {
        return authority_check(http, allow_http, why);
    }
    return reason_set(why, HAPLO_EINVAL,
                      strstr(url, "://") != NULL
                          ? "unknown scheme: write https://HOST"
                          : "no scheme: write https://HOST");
}

int haplo_url_check(const char *url, bool allow_http, char *why,
                    size_t why_size)
{
    struct reason reason;
    return options_explain(url_check(url, allow_http, &reason), why, why_size,
                           &reason);
}

/* Accepts an optional "USER:PASSWORD@", then "HOST:PORT". */
static bool proxy_authority_is_valid(const char *text)
{
    char host[HOST_SIZE_MAX + 1];
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f) {
            return false;
        }
    }
    const char *at = strrchr(text, '@');
    const char *rest = at != NULL ? at + 1 : text;
    if (at != NULL && strcspn(text, "/?#\\@") < (size_t)(at - text)) {
        return false;
    }
    size_t size = host_copy(rest, host);
    if (!host_is_valid(host)) {
        return false;
    }
    rest += size;
    return port_skip(&rest, NULL) == 0 && rest[*rest == '/'] == '\0';
}

static bool proxy_host_is_foreign(const char *text)
{
    const char *at = strrchr(text, '@');
    const char *host = at != NULL ? at + 1 : text;
    return !is_ascii(host, strcspn(host, ":/?#"));
}

/* Of SOCKS only the kinds where the proxy resolves the host name. */
int haplo_proxy_check(const char *url, char *why, size_t why_size)
{
    static const char *const schemes[] = {"http://", "https://", "socks5h://",
                                          "socks4a://"};
    struct reason reason;
    bool is_long = url == NULL || strlen(url) > HAPLO_URL_SIZE_MAX;
    for (size_t i = 0; !is_long && i < sizeof schemes / sizeof *schemes; i++) {
        const char *rest = text_after(url, schemes[i]);
        if (rest != NULL && proxy_host_is_foreign(rest)) {
            return options_explain(foreign_host_error(&reason), why, why_size,
                                   &reason);
        }
        if (rest != NULL && proxy_authority_is_valid(rest)) {
            return 0;
        }
    }
    reason_set(&reason, HAPLO_EINVAL,
               "invalid URL of a proxy: write http://HOST:PORT, or https, "
               "socks5h or socks4a in place of http");
    return options_explain(HAPLO_EINVAL, why, why_size, &reason);
}

int haplo_token_pattern_check(const char *pattern, char *why, size_t why_size)
{
    struct reason reason = {.text = "no token_pattern is given"};
    int error = HAPLO_EINVAL;
    if (pattern != NULL) {
        reason_set(&reason, HAPLO_ENOMEM, "out of memory");
        token_pattern_free(token_pattern_new(pattern, &error, &reason));
    }
    return options_explain(error, why, why_size, &reason);
}
