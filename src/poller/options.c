#include "poller/options.h"

#include <stdio.h>
#include <string.h>

#define STRUCT_SIZE_MAX 4096 /* beyond it, struct_size was never set */

int options_explain(int error, char *why, size_t why_size,
                    const struct reason *reason)
{
    if (error != 0 && why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", reason->text);
    }
    return error;
}

static bool is_zero(const unsigned char *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    return size == 0;
}

int options_copy(void *to, size_t size, const void *given, struct reason *why)
{
    size_t given_size = 0;
    if (given != NULL) {
        memcpy(&given_size, given, sizeof given_size);
    }
    if (given_size < sizeof given_size || given_size > STRUCT_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "no options, or their struct_size is not set to "
                          "sizeof");
    }
    if (given_size > size &&
        !is_zero((const unsigned char *)given + size, given_size - size)) {
        return reason_set(why, HAPLO_EINVAL,
                          "the options set something that version %s of the "
                          "library does not know: link with the version whose "
                          "header was used",
                          haplo_version());
    }
    memset(to, 0, size);
    memcpy(to, given, given_size < size ? given_size : size);
    return 0;
}

int options_check_name(const char *what, const char *name, struct reason *why)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    if (haplo_name_check(name, text, sizeof text) == 0) {
        return 0;
    }
    return reason_set(why, HAPLO_EINVAL, "the %s's name \"%.*s\": %s", what,
                      HAPLO_NAME_SIZE_MAX, name != NULL ? name : "", text);
}

int options_check_key(const char *key, struct reason *why)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    if (haplo_api_key_check(key, text, sizeof text) == 0) {
        return 0;
    }
    return reason_set(why, HAPLO_EINVAL, "the API key: %s", text);
}

int options_check_waits(const struct option_wait *waits, size_t count,
                        struct reason *why)
{
    for (size_t i = 0; i < count; i++) {
        if (waits[i].value_ms > HAPLO_WAIT_MS_MAX) {
            return reason_set(why, HAPLO_EINVAL,
                              "%s exceeds the limit of 31 days", waits[i].name);
        }
    }
    return 0;
}

int options_check_urls(const struct haplo_server_options *options,
                       struct reason *why)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    const char *proxy = options->proxy;
    if (haplo_url_check(options->url, options->allow_http, text, sizeof text) !=
        0) {
        return reason_set(why, HAPLO_EINVAL, "url: %s", text);
    }
    if (proxy != NULL && proxy[0] != '\0' &&
        haplo_proxy_check(proxy, text, sizeof text) != 0) {
        return reason_set(why, HAPLO_EINVAL, "proxy: %s", text);
    }
    return 0;
}
