#include "outlets/nats/nats_url.h"

#include <stddef.h>
#include <string.h>

#include "http/host.h"

/* Skips a host and sets its name. Returns NULL if there is none. */
static const char *host_skip(const char *text, struct nats_url *url)
{
    bool is_bracketed = text[0] == '[';
    size_t length = strcspn(text, is_bracketed ? "]" : ":/?#");
    const char *name = is_bracketed ? text + 1 : text;
    size_t name_length = is_bracketed && length > 0 ? length - 1 : length;

    if (name_length == 0 || name_length >= sizeof(url->host) ||
        (is_bracketed && text[length] != ']')) {
        return NULL;
    }
    memcpy(url->host, name, name_length);
    url->host[name_length] = '\0';
    return text + length + (is_bracketed ? 1 : 0);
}

static bool is_port(const char *text)
{
    size_t length = strspn(text, "0123456789");

    return length > 0 && length <= 5 && text[length] == '\0';
}

int nats_url_read(struct nats_url *url, const char *text, struct reason *why)
{
    const char *end;

    *url = (struct nats_url){.is_tls = strncmp(text, "tls://", 6) == 0};
    if (!url->is_tls && strncmp(text, "nats://", 7) != 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "no scheme: write nats://HOST:PORT, or tls://");
    }
    text += url->is_tls ? 6 : 7;
    if (strchr(text, '@') != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "a user or a password in the URL: give user and "
                          "password_file instead");
    }
    end = host_skip(text, url);
    if (end == NULL || (*end != '\0' && (*end != ':' || !is_port(end + 1)))) {
        return reason_set(why, HAPLO_EINVAL,
                          "not a host with a port: write nats://HOST:PORT");
    }
    url->is_loopback = host_is_loopback(&(struct host){.name = url->host}) ||
                       strcmp(url->host, "::1") == 0;
    return 0;
}
