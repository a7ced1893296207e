#include "config/config_values.h"

#include <assert.h>
#include <inttypes.h>
#include <search.h>
#include <stdarg.h>
#include <string.h>

#include "config/api_key.h"
#include "config/config_parse.h"
#include "config/server_url.h"
#include "config/units.h"

int config_mapping_fail(const struct config_mapping *mapping, const char *key,
                        const char *format, ...)
{
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    const struct config_lines *lines = mapping->reading->lines;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return config_errors_add(
        mapping->reading->errors,
        config_lines_of_key(lines, mapping->node, key != NULL ? key : "", 0),
        "%s%s", mapping->where, text);
}

static void *target_of(struct config *config,
                       const struct config_targets *targets,
                       const struct option_row *row)
{
    char *home = NULL;
    switch (row->home) {
    case LEVEL_TOP:
        home = (char *)config;
        break;
    case LEVEL_SINK:
        home = (char *)targets->sink;
        break;
    case LEVEL_SERVER:
        home = (char *)targets->server;
        break;
    case LEVEL_QUEUE:
        home = (char *)targets->queue;
        break;
    case LEVEL_DEFAULTS:
        break;
    }
    return home != NULL ? home + row->target : NULL;
}

static bool value_is_key(const struct option_row *row)
{
    return row->value == VALUE_KEY_FILE || row->value == VALUE_KEY_ENV ||
           row->value == VALUE_KEY_CREDENTIAL;
}

static bool value_is_group(const struct option_row *row)
{
    return row->value == VALUE_LIST || row->value == VALUE_MAPPING;
}

void config_values_default(struct config_reading *reading,
                           const struct config_targets *targets)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        void *target = target_of(reading->config, targets, row);
        if (target == NULL || row->fallback == NULL || value_is_group(row) ||
            value_is_key(row) || row->value == VALUE_SINK) {
            continue;
        }
        int result = config_parse(reading->config, row, row->fallback, target,
                                  why, sizeof why);
        assert(result == 0);
        (void)result;
    }
}

static int sink_compare(const void *a, const void *b)
{
    return strcmp(((const struct config_sink *)a)->name,
                  ((const struct config_sink *)b)->name);
}

static void sink_find(const struct config_mapping *mapping, const char *name,
                      struct config_queue *queue)
{
    char quoted[CONFIG_SHOW_SIZE];
    const struct config_sink wanted = {.name = name};
    const struct config_sink *const *found =
        tfind(&wanted, &mapping->reading->sinks, sink_compare);
    if (found != NULL) {
        queue->sink = *found;
        return;
    }
    config_mapping_fail(mapping, "sink",
                        "sink: there is none named %s: give the name of one "
                        "under sinks",
                        config_quote(name, quoted));
    /* The configuration is lost; this keeps a second error away. */
    queue->sink = mapping->reading->config->sinks;
}

/* The mapping has a key given in one way: is it there, and is it one? */
static void key_check(const struct config_mapping *mapping,
                      const struct option_row *row,
                      const struct config_key *from)
{
    char key[API_KEY_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    if (api_key_read_from(from, key, why, sizeof why) != 0) {
        config_mapping_fail(mapping, row->name, "%s", why);
    }
    explicit_bzero(key, sizeof key);
}

static int value_apply(const struct config_mapping *mapping,
                       const struct option_row *row, const char *text,
                       void *target)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (config_parse(mapping->reading->config, row, text, target, why,
                     sizeof why) != 0) {
        return config_mapping_fail(mapping, row->name, "%s: %s", row->name,
                                   why);
    }
    return 0;
}

static void missing_check(const struct config_mapping *mapping)
{
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        if (row->home == mapping->level && row->fallback == NULL &&
            !value_is_group(row) && mapping->raw->values[id] == NULL) {
            config_mapping_fail(mapping, NULL, "%s is missing: add it",
                                row->name);
        }
    }
}

int config_values_apply(const struct config_mapping *mapping,
                        const struct config_targets *targets)
{
    int count = mapping->reading->errors->count;
    const struct option_row *key = NULL;
    struct config *config = mapping->reading->config;
    missing_check(mapping);
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        const char *text = mapping->raw->values[id];
        if (text == NULL) {
            continue;
        }
        if (row->value == VALUE_SINK) {
            sink_find(mapping, text, targets->queue);
            continue;
        }
        if (value_is_key(row) && key != NULL) {
            config_mapping_fail(mapping, row->name,
                                "both %s and %s are given: keep one of them",
                                key->name, row->name);
            continue;
        }
        if (value_apply(mapping, row, text, target_of(config, targets, row)) ==
                0 &&
            value_is_key(row)) {
            key_check(mapping, row, &targets->queue->key);
        }
        key = value_is_key(row) ? row : key;
    }
    return mapping->reading->errors->count == count ? 0 : -1;
}

void config_server_check(const struct config_mapping *mapping,
                         const struct config_server *server)
{
    bool is_clear;
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct haplo_server_options *options = &server->options;
    if (options->url != NULL &&
        server_url_check(options->url, &is_clear, why, sizeof why) == 0 &&
        is_clear && !options->allow_http) {
        config_mapping_fail(mapping, "url",
                            "url: http:// would send API keys in clear: write "
                            "https://, or add \"allow_http: true\"");
    }
    if (options->tls_key_file != NULL &&
        options->tls_certificate_file == NULL) {
        config_mapping_fail(mapping, "tls_key_file",
                            "tls_key_file is given without "
                            "tls_certificate_file: add that too");
    }
}

static void at_least_check(const struct config_mapping *mapping,
                           const char *larger, uint64_t larger_ms,
                           const char *smaller, uint64_t smaller_ms)
{
    char texts[2][UNITS_TEXT_SIZE];
    if (larger_ms >= smaller_ms) {
        return;
    }
    config_mapping_fail(mapping, larger,
                        "%s (%s) is below %s (%s): raise the one or lower the "
                        "other",
                        larger, duration_format(larger_ms, texts[0]), smaller,
                        duration_format(smaller_ms, texts[1]));
}

/* An option of the other format, in the queue's own mapping, was meant to do
 * something. Inherited ones may be there for other queues. */
static void format_check(const struct config_mapping *mapping,
                         enum haplo_format format)
{
    static const enum option_id of_json[] = {OPTION_TOKEN_POINTER,
                                             OPTION_MESSAGES_POINTER};
    static const enum option_id of_raw[] = {OPTION_TOKEN_PATTERN};
    bool is_raw = format == HAPLO_FORMAT_RAW;
    const enum option_id *foreign = is_raw ? of_json : of_raw;
    size_t count = is_raw ? 2 : 1;
    for (size_t i = 0; i < count; i++) {
        if (mapping->raw->values[foreign[i]] != NULL) {
            const char *name = option_table[foreign[i]].name;
            config_mapping_fail(mapping, name,
                                "%s does nothing with the format %s: remove "
                                "it, or give \"format: %s\"",
                                name, is_raw ? "raw" : "json",
                                is_raw ? "json" : "raw");
        }
    }
}

void config_queue_check(const struct config_mapping *mapping,
                        const struct config_queue *queue, bool is_sound)
{
    const struct haplo_queue_options *options = &queue->options;
    if (queue->key.kind == CONFIG_KEY_NONE) {
        config_mapping_fail(mapping, NULL,
                            "it has no API key: add api_key_file, api_key_env "
                            "or api_key_credential");
    }
    if (queue->sink == NULL && mapping->reading->config->sink_count > 0) {
        config_mapping_fail(mapping, NULL,
                            "it has no sink and there are several: add "
                            "\"sink: NAME\"");
    }
    if (!is_sound) {
        return;
    }
    if (options->interval_max_ms > 0) {
        at_least_check(mapping, "interval_max", options->interval_max_ms,
                       "interval", options->interval_ms);
    }
    at_least_check(mapping, "backoff_max", options->backoff_max_ms, "backoff",
                   options->backoff_ms);
    format_check(mapping, options->format);
    if (options->format == HAPLO_FORMAT_RAW && options->token_pattern == NULL) {
        config_mapping_fail(mapping, "format",
                            "format raw without token_pattern could never be "
                            "marked: add token_pattern");
    }
}
