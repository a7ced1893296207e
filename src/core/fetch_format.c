#include "core/fetch_format.h"

#include <string.h>

#include "core/alloc.h"

static int json_init(struct fetch_format *format,
                     const struct haplo_queue_options *options,
                     struct reason *why)
{
    const char *token = options->token_pointer;
    const char *messages = options->messages_pointer;
    if (options->token_pattern != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "token_pattern is for format raw; JSON has "
                          "token_pointer");
    }
    format->is_default_shape = token == NULL && messages == NULL;
    int error = json_pointer_init(&format->version, "/version", why);
    if (error == 0) {
        error = json_pointer_init(&format->token,
                                  token != NULL ? token : "/token", why);
    }
    if (error == 0) {
        error = json_pointer_init(
            &format->messages, messages != NULL ? messages : "/messages", why);
    }
    return error;
}

static int pattern_compile(regex_t *pattern, const char *text,
                           struct reason *why)
{
    char problem[128];
    int result = regcomp(pattern, text, REG_EXTENDED);
    if (result == 0) {
        return 0;
    }
    regerror(result, pattern, problem, sizeof problem);
    if (result == REG_ESPACE) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    return reason_set(why, HAPLO_EINVAL, "token_pattern \"%.200s\": %s", text,
                      problem);
}

static int raw_init(struct fetch_format *format,
                    const struct haplo_queue_options *options,
                    struct reason *why)
{
    if (options->token_pointer != NULL || options->messages_pointer != NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "token_pointer and messages_pointer are for format "
                          "json; raw has token_pattern");
    }
    if (options->token_pattern == NULL) {
        return reason_set(why, HAPLO_EINVAL,
                          "format raw needs token_pattern: without a token "
                          "nothing of the queue could ever be marked");
    }
    int error =
        pattern_compile(&format->token_pattern, options->token_pattern, why);
    if (error != 0) {
        return error;
    }
    /* It would take every answer for an empty queue. */
    if (format->token_pattern.re_nsub == 0 &&
        regexec(&format->token_pattern, "", 0, NULL, 0) == 0) {
        regfree(&format->token_pattern);
        return reason_set(why, HAPLO_EINVAL,
                          "token_pattern \"%.200s\" matches anything: name "
                          "what is before the token, and put the token in "
                          "( )",
                          options->token_pattern);
    }
    return 0;
}

/* Last, so that nothing that can fail follows the pattern. */
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

static void pointers_free(struct fetch_format *format)
{
    json_pointer_free(&format->version);
    json_pointer_free(&format->token);
    json_pointer_free(&format->messages);
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
                              "content_type \"%.100s\" is no TYPE/SUBTYPE",
                              options->content_type);
        }
        format->content_type = alloc_string(options->content_type);
        if (format->content_type == NULL) {
            return reason_set(why, HAPLO_ENOMEM, "out of memory");
        }
    }
    int error = kind_init(format, options, why);
    if (error != 0) {
        pointers_free(format);
        alloc_free(format->content_type);
        memset(format, 0, sizeof *format);
    }
    return error;
}

void fetch_format_free(struct fetch_format *format)
{
    if (format->kind == HAPLO_FORMAT_RAW) {
        regfree(&format->token_pattern);
    }
    pointers_free(format);
    alloc_free(format->content_type);
    memset(format, 0, sizeof *format);
}
