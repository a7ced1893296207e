/*
 * config_settings.c - the settings of queues: merges `defaults`, server and
 * queue, and checks whether the values are consistent.
 */
#include <inttypes.h>
#include <string.h>

#include "config/config_mapping.h"
#include "config/config_resolve.h"
#include "config/config_value.h"
#include "config/units.h"

/* An option that contradicts another. */
struct contradiction {
    enum diagnostic_code code;      /* what kind of contradiction */
    const char *option;             /* its name */
    char text[HAPLO_TEXT_SIZE_MAX]; /* what is wrong, and what to do */
};

#define CONTRADICTIONS_MAX 5

struct contradictions {
    struct contradiction list[CONTRADICTIONS_MAX]; /* those found */
    size_t count;                                  /* number found */
};

__attribute__((format(printf, 4, 5))) static void contradict(
    struct contradictions *found, enum diagnostic_code code, const char *option,
    const char *format, ...)
{
    va_list arguments;
    struct contradiction *next = &found->list[found->count++];
    next->code = code;
    next->option = option;
    va_start(arguments, format);
    vsnprintf(next->text, sizeof next->text, format, arguments);
    va_end(arguments);
}

static void at_least_check(struct contradictions *found, const char *larger,
                           uint64_t larger_ms, const char *smaller,
                           uint64_t smaller_ms)
{
    char texts[2][UNITS_TEXT_SIZE];
    if (larger_ms < smaller_ms) {
        contradict(found, HP_LIMITS_CROSSED, larger,
                   "%s (%s) is below %s (%s): raise the one or lower the other",
                   larger, duration_format(larger_ms, texts[0]), smaller,
                   duration_format(smaller_ms, texts[1]));
    }
}

static bool is_set(uint64_t set, const char *option)
{
    const struct option_row *row =
        option_table_find(&config_queue_rows, option);
    return (set >> (row - config_queue_rows.rows) & 1) != 0;
}

/* If the queue itself sets an option of the other format, that is an error.
 * Inherited ones may be meant for other queues. */
static void format_check(struct contradictions *found, uint64_t own,
                         enum haplo_format format)
{
    static const struct {
        const char *option;
        enum haplo_format format;
    } uses[] = {{"token_pointer", HAPLO_FORMAT_JSON},
                {"messages_pointer", HAPLO_FORMAT_JSON},
                {"token_pattern", HAPLO_FORMAT_RAW}};
    static const char *const names[] = {
        [HAPLO_FORMAT_JSON] = "json", [HAPLO_FORMAT_RAW] = "raw"};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        if (uses[i].format != format && is_set(own, uses[i].option)) {
            contradict(found, HP_OPTION_WITHOUT_EFFECT, uses[i].option,
                       "%s has no effect with the format %s: remove it, or add "
                       "\"format: %s\"",
                       uses[i].option, names[format], names[uses[i].format]);
        }
    }
}

static void contradictions_find(const struct haplo_queue_options *options,
                                uint64_t own, struct contradictions *found)
{
    found->count = 0;
    if (options->interval_max_ms > 0) {
        at_least_check(found, "interval_max", options->interval_max_ms,
                       "interval", options->interval_ms);
    }
    at_least_check(found, "backoff_max", options->backoff_max_ms, "backoff",
                   options->backoff_ms);
    format_check(found, own, options->format);
    if (options->format == HAPLO_FORMAT_RAW && options->token_pattern == NULL) {
        contradict(
            found, HP_TOKEN_PATTERN_MISSING, "format",
            "the format raw needs a token_pattern, without which nothing "
            "could be marked: add token_pattern");
    }
}

/* Merges inherited values with those of the queue. */
static void values_merge(const struct config_loading *loading,
                         const struct own_options *server,
                         const struct own_options *queue,
                         struct queue_values *values)
{
    *values = loading->queue_base;
    config_values_copy(&config_queue_rows, server->set, values,
                       &server->values);
    config_values_copy(&config_queue_rows, queue->set, values, &queue->values);
}

static struct settings_draft *settings_new(struct config_loading *loading,
                                           const struct own_options *server,
                                           const struct own_options *queue,
                                           char *text)
{
    struct queue_values values;
    struct contradictions found;
    const struct config *config = loading->config;
    struct settings_draft *draft = arena_bytes(&loading->arena, sizeof *draft);
    struct config_queue_settings *settings =
        arena_bytes(&loading->config->arena, sizeof *settings);
    if (draft == NULL || settings == NULL) {
        return NULL;
    }
    values_merge(loading, server, queue, &values);
    settings->options = values.options;
    if (values.inbox != NULL) {
        settings->inbox = config_inbox_find(config, values.inbox);
    } else if (config->inbox_count == 1) {
        settings->inbox = config->inboxes;
    }
    contradictions_find(&settings->options, queue->set, &found);
    draft->text = text;
    draft->settings = settings;
    draft->needs_inbox = values.inbox == NULL && config->inbox_count > 1;
    draft->is_sound =
        !loading->has_bad_defaults && server->is_sound && queue->is_sound;
    draft->is_contradictory = draft->is_sound && found.count > 0;
    return name_table_add(&loading->settings, draft) == 0 ? draft : NULL;
}

struct settings_draft *config_settings_find(struct config_loading *loading,
                                            const struct own_options *server,
                                            struct own_options *queue)
{
    if (queue->resolved_of == server) {
        return queue->resolved;
    }
    size_t size = strlen(server->text) + strlen(queue->text) + 1;
    char *text = arena_room(&loading->arena, size);
    if (text == NULL) {
        return NULL;
    }
    snprintf(text, size + 1, "%s/%s", server->text, queue->text);
    struct settings_draft *draft = name_table_find(&loading->settings, text);
    if (draft == NULL) {
        draft = settings_new(loading, server, queue, text);
    }
    queue->resolved_of = server;
    queue->resolved = draft;
    return draft;
}

/* The position of the option in the queue, or else that of the queue. */
static struct config_place option_place(const struct config_loading *loading,
                                        const struct queue_draft *queue,
                                        const char *option)
{
    const struct option_row *row =
        option_table_find(&config_queue_rows, option);
    size_t next = queue->first_place;
    for (size_t i = 0; i < config_queue_rows.count; i++) {
        if ((queue->own->set >> i & 1) == 0) {
            continue;
        }
        const struct own_place *place = list_at(&loading->places, next++);
        if (&config_queue_rows.rows[i] == row) {
            return place->place;
        }
    }
    return queue->queue.place;
}

void config_settings_check(struct config_loading *loading,
                           const struct queue_draft *queue,
                           const struct settings_draft *settings,
                           const char *where)
{
    struct contradictions found;
    const struct own_options *own = queue->own;
    if (is_set(own->set, "inbox")) {
        config_inbox_check(loading, own->values.inbox,
                           option_place(loading, queue, "inbox"), where);
    }
    if (settings->needs_inbox) {
        config_errors_add(&loading->errors, HP_INBOX_AMBIGUOUS,
                          queue->queue.place,
                          "%s: it has no inbox and there are several: add "
                          "\"inbox: NAME\"",
                          where);
    }
    if (!settings->is_contradictory) {
        return;
    }
    contradictions_find(&settings->settings->options, own->set, &found);
    for (size_t i = 0; i < found.count; i++) {
        config_errors_add(&loading->errors, found.list[i].code,
                          option_place(loading, queue, found.list[i].option),
                          "%s: %s", where, found.list[i].text);
    }
}
