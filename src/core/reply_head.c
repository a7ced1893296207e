#include "core/reply_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/page.h"

void reply_head_init(struct reply_head *head)
{
    head->status = 0;
    head->content_size = -1;
    head->content_type[0] = '\0';
    head->location[0] = '\0';
}

static void text_set(char *text, size_t text_size, const char *from)
{
    size_t size = strnlen(from, text_size - 1);
    memcpy(text, from, size);
    text[size] = '\0';
}

void reply_head_set(struct reply_head *head, const struct http_head *from)
{
    head->status = from->status;
    head->content_size = from->content_size;
    text_set(head->content_type, sizeof head->content_type,
             from->content_type != NULL ? from->content_type : "");
    text_set(head->location, sizeof head->location,
             from->location != NULL ? from->location : "");
}

/* Length of "type/subtype" in a Content-Type (RFC 9110, 8.3.1). */
static size_t media_type_size(const char *type)
{
    return strcspn(type, "; \t");
}

bool reply_head_is_type(const struct reply_head *head, const char *type)
{
    const char *own = head->content_type + strspn(head->content_type, " \t");
    size_t size = media_type_size(own);
    return size > 0 && size == media_type_size(type) &&
           strncasecmp(own, type, size) == 0;
}

/* The path of the polling API, which follows that of a reverse proxy. */
static const char *api_find(const char *path)
{
    const char *api = strstr(path, "/api/haplo-integration-messages/");
    return api != NULL && api <= path + strcspn(path, "?#") ? api : NULL;
}

/* The value that `url` in the configuration should have: scheme, host and port
 * of the Location, and the path in front of the API's, without credentials.
 * False if it has no host. */
static bool origin_of(const char *location, char *origin, size_t origin_size)
{
    const char *host = strstr(location, "://");
    if (host == NULL || strncasecmp(location, "http", 4) != 0) {
        return false;
    }
    size_t scheme_size = (size_t)(host - location);
    host += 3;
    const char *end = host + strcspn(host, "/?#\\");
    const char *user_end = memrchr(host, '@', (size_t)(end - host));
    if (user_end != NULL) {
        host = user_end + 1;
    }
    bool has_host = end > host;
    const char *api = api_find(end);
    end = api != NULL ? api : end;
    snprintf(origin, origin_size, "%.*s://%.*s", (int)scheme_size, location,
             (int)(end - host), host);
    return has_host;
}

static int redirect_error(const struct reply_head *head, struct reason *why)
{
    char origin[160];
    if (head->location[0] == '\0') {
        return reason_set(why, HAPLO_EREDIRECT,
                          "redirect %ld without a Location", head->status);
    }
    if (!origin_of(head->location, origin, sizeof origin)) {
        return reason_set(why, HAPLO_EREDIRECT,
                          "redirect %ld to %.200s; redirects are not followed",
                          head->status, head->location);
    }
    return reason_set(why, HAPLO_EREDIRECT,
                      "redirect %ld to %.200s; redirects are not followed, "
                      "since a mark would be lost; change the server's `url` "
                      "to %s",
                      head->status, head->location, origin);
}

int reply_head_status_error(const struct reply_head *head, const char *body,
                            size_t size, struct reason *why)
{
    struct page_quote quote;
    page_quote(&quote, body, size);
    if (head->status >= 300 && head->status < 400) {
        return redirect_error(head, why);
    }
    if (head->status == 404) {
        return reason_set(why, HAPLO_ENOTFOUND,
                          "the server responded 404%s; check the server's "
                          "`url`: the application may be inactive, or have "
                          "another host name",
                          quote.text);
    }
    if (head->status == 429) {
        return reason_set(why, HAPLO_ELIMITED,
                          "the server responded 429: too many requests%s",
                          quote.text);
    }
    if (head->status >= 500) {
        return reason_set(why, HAPLO_ESERVER, "the server responded %ld%s",
                          head->status, quote.text);
    }
    return reason_set(why, HAPLO_ESTATUS,
                      "the server responded %ld, which is unexpected%s",
                      head->status, quote.text);
}

int reply_head_content_error(const struct reply_head *head,
                             const char *expected, const char *body,
                             size_t size, struct reason *why)
{
    const char *type = head->content_type;
    if (type[0] != '\0' && !reply_head_is_type(head, "text/html")) {
        return reason_set(why, HAPLO_ECONTENT,
                          "expected %.60s, got %.60s; if the queue has a "
                          "custom formatter, set `format` and "
                          "`content_type`",
                          expected, type);
    }
    struct page_quote quote;
    page_quote(&quote, body, size);
    return reason_set(why, HAPLO_ECONTENT,
                      "expected %.60s, got %.60s%s; check the name of the "
                      "queue, that its method is \"poll\", and that the user "
                      "of the key may read it",
                      expected, type[0] != '\0' ? type : "no content type",
                      quote.text);
}
