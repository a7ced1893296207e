#include "core/fetch_format.h"

#include <string.h>

#include "base/alloc.h"

static int pointer_init(struct json_pointer *pointer, const char *option,
                        const char *text, const char *default_text,
                        struct reason *why)
{
    struct reason problem;
    int error = json_pointer_init(pointer, text != NULL ? text : default_text,
                                  &problem);
    if (error == HAPLO_EINVAL) {
        return reason_set(why, error, "%s: %s", option, problem.text);
    }
    return error == 0 ? 0 : reason_set(why, error, "%s", problem.text);
}

static int json_init(struct fetch_format *format,
                     const struct haplo_queue_options *options,
                     struct reason *why)
{
    const char *token = options->token_pointer;
    const char *messages = options->messages_pointer;
    if (options->token_pattern != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "token_pattern requires format raw; JSON has "
                          "token_pointer");
    }
    format->is_default_shape = token == NULL && messages == NULL;
    int error = json_pointer_init(&format->version, "/version", why);
    if (error == 0) {
        error =
            pointer_init(&format->token, "token_pointer", token, "/token", why);
    }
    if (error == 0) {
        error = pointer_init(&format->messages, "messages_pointer", messages,
                             "/messages", why);
    }
    return error;
}

static int raw_init(struct fetch_format *format,
                    const struct haplo_queue_options *options,
                    struct reason *why)
{
    if (options->token_pointer != NULL || options->messages_pointer != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "token_pointer and messages_pointer require format "
                          "json; raw has token_pattern");
    }
    if (options->token_pattern == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "format raw requires token_pattern: without a token "
                          "no message of the queue could be marked");
    }
    struct reason problem;
    int error = 0;
    format->token_pattern =
        token_pattern_new(options->token_pattern, &error, &problem);
    if (error == HAPLO_EINVAL) {
        return reason_set(why, error, "token_pattern \"%.200s\": %s",
                          options->token_pattern, problem.text);
    }
    return error != 0 ? reason_set(why, error, "out of memory") : 0;
}

static int kind_init(struct fetch_format *format,
                     const struct haplo_queue_options *options,
                     struct reason *why)
{
    switch (options->format) {
    case HAPLO_FORMAT_JSON:
        return json_init(format, options, why);
    case HAPLO_FORMAT_RAW:
        return raw_init(format, options, why);
    }
    return reason_set(why, HAPLO_EINVAL, "unknown format");
}

int fetch_format_init(struct fetch_format *format,
                      const struct haplo_queue_options *options,
                      struct reason *why)
{
    memset(format, 0, sizeof *format);
    format->kind = options->format;
    if (options->content_type != NULL) {
        if (strchr(options->content_type, '/') == NULL) {
            return reason_set(why, HAPLO_EINVAL,
                              "content_type \"%.100s\" must have the form "
                              "TYPE/SUBTYPE",
                              options->content_type);
        }
        format->content_type = alloc_string(options->content_type);
        if (format->content_type == NULL) {
            return reason_set(why, HAPLO_ENOMEM, "out of memory");
        }
    }
    int error = kind_init(format, options, why);
    if (error != 0) {
        fetch_format_free(format);
    }
    return error;
}

void fetch_format_free(struct fetch_format *format)
{
    token_pattern_free(format->token_pattern);
    json_pointer_free(&format->version);
    json_pointer_free(&format->token);
    json_pointer_free(&format->messages);
    alloc_free(format->content_type);
    memset(format, 0, sizeof *format);
}
