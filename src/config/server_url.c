#include "config/server_url.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "haplopoll.h"

#define HOST_SIZE_MAX 253 /* of a name in the DNS */

__attribute__((format(printf, 3, 4))) static int why_set(char *why,
                                                         size_t why_size,
                                                         const char *format,
                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return -1;
}

/* What follows PREFIX in text, in any case of letters, or NULL. */
static const char *text_after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncasecmp(text, prefix, size) == 0 ? text + size : NULL;
}

static bool host_is_loopback(const char *host)
{
    struct in_addr address;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 &&
            ntohl(address.s_addr) >> 24 == 127);
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
           strspn(host, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == size;
}

/* ":PORT" or nothing, then "/" or nothing. */
static int port_check(const char *rest, char *why, size_t why_size)
{
    if (*rest == ':') {
        size_t digits = strspn(rest + 1, "0123456789");
        unsigned long port = strtoul(rest + 1, NULL, 10);
        if (digits == 0 || digits > 5 || port == 0 || port > 65535) {
            return why_set(why, why_size,
                           "the port is none: give 1 to 65535, or leave it "
                           "out");
        }
        rest += 1 + digits;
    }
    if (*rest == '/') {
        rest++;
    }
    if (*rest != '\0') {
        return why_set(why, why_size,
                       "more follows the host: write https://HOST or "
                       "https://HOST:PORT, the rest comes from the queue's "
                       "name");
    }
    return 0;
}

/* The host at the head of text, "" if it is too long for one; returns its
 * size. */
static size_t host_read(const char *text, char host[HOST_SIZE_MAX + 1])
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

int server_url_check(const char *url, bool *is_clear, char *why,
                     size_t why_size)
{
    *is_clear = false;
    if (strlen(url) > HAPLO_URL_SIZE_MAX) {
        return why_set(why, why_size, "longer than %d characters: shorten it",
                       HAPLO_URL_SIZE_MAX);
    }
    if (strchr(url, '@') != NULL) {
        return why_set(why, why_size,
                       "a user or a password does not belong into it: write "
                       "https://HOST, and give the key by api_key_file");
    }
    const char *https = text_after(url, "https://");
    const char *rest = https != NULL ? https : text_after(url, "http://");
    if (rest == NULL) {
        return why_set(why, why_size,
                       strstr(url, "://") != NULL
                           ? "neither https:// nor http://: write "
                             "https://HOST"
                           : "no scheme: write https://HOST");
    }
    char host[HOST_SIZE_MAX + 1];
    size_t size = host_read(rest, host);
    if (!host_is_valid(host)) {
        return why_set(why, why_size,
                       "no valid host name in it: write https://HOST");
    }
    *is_clear = https == NULL && !host_is_loopback(host);
    return port_check(rest + size, why, why_size);
}

/* "USER:PASSWORD@" in front, or nothing. */
static bool proxy_place_is_valid(const char *text)
{
    char host[HOST_SIZE_MAX + 1];
    char unused[HAPLO_TEXT_SIZE_MAX];
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c >= 0x7f) {
            return false;
        }
    }
    const char *at = strchr(text, '@');
    const char *rest = at != NULL ? at + 1 : text;
    if (at != NULL && strcspn(text, "/?#\\") < (size_t)(at - text)) {
        return false;
    }
    size_t size = host_read(rest, host);
    return host_is_valid(host) &&
           port_check(rest + size, unused, sizeof unused) == 0;
}

int proxy_url_check(const char *url, char *why, size_t why_size)
{
    static const char *const schemes[] = {"http://", "https://", "socks5h://",
                                          "socks4a://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const char *rest = text_after(url, schemes[i]);
        if (rest != NULL && proxy_place_is_valid(rest)) {
            return 0;
        }
    }
    return why_set(why, why_size,
                   "no URL of a proxy: write http://HOST:PORT, or https, "
                   "socks5h or socks4a for http");
}
