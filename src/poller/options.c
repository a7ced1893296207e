#include "poller/options.h"

#include <stdio.h>

void options_copy_why(char *why, size_t why_size, const struct reason *reason)
{
    if (why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", reason->text);
    }
}

int options_missing(char *why, size_t why_size)
{
    struct reason reason;
    int error = reason_set(&reason, HAPLO_EINVAL,
                           "no options, or their struct_size is not set");
    options_copy_why(why, why_size, &reason);
    return error;
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
