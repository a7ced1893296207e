#include "outlets/webhook/webhook_url.h"

#include <stdlib.h>
#include <string.h>

#include "http/url.h"

static int path_check(const char *path, struct reason *why)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '#') {
            return reason_set(why, HAPLO_EINVAL,
                              "url: it has a fragment, which is never sent: "
                              "remove # and what follows it");
        }
        if (*c <= ' ' || *c > '~') {
            return reason_set(why, HAPLO_EINVAL,
                              "url: its path has a space or another character "
                              "that must be percent-encoded");
        }
    }
    return 0;
}

/* Checks the origin as that of a server is checked. */
static int origin_check(const char *origin, bool allow_http, struct reason *why)
{
    struct server_url url;
    int error = server_url_read(&url, origin, allow_http, why);

    server_url_clear(&url);
    return error;
}

int webhook_url_read(struct webhook_url *url, const char *text, bool allow_http,
                     struct reason *why)
{
    const char *host = strstr(text, "://");
    size_t origin_size;

    *url = (struct webhook_url){NULL, NULL};
    if (host == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "url: it has no scheme: write https://HOST/PATH");
    }
    origin_size = (size_t)(host - text) + 3 + strcspn(host + 3, "/?#");
    url->origin = calloc(1, origin_size + 1);
    url->path = malloc(strlen(text) - origin_size + 2);
    if (url->origin == NULL || url->path == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    memcpy(url->origin, text, origin_size);
    strcpy(stpcpy(url->path, text[origin_size] == '/' ? "" : "/"),
           text + origin_size);
    int error = path_check(url->path, why);
    return error != 0 ? error : origin_check(url->origin, allow_http, why);
}

static bool is_in(const char *part, size_t part_size, const char *text,
                  size_t size)
{
    return part_size > 1 && memmem(text, size, part, part_size) != NULL;
}

bool webhook_url_is_in(const struct webhook_url *url, const char *text,
                       size_t size)
{
    size_t path_size = strcspn(url->path, "?");
    const char *query = url->path + path_size;

    return is_in(url->path, path_size, text, size) ||
           is_in(query, strlen(query), text, size);
}

void webhook_url_free(struct webhook_url *url)
{
    free(url->origin);
    free(url->path);
}
