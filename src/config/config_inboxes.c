/*
 * config_inboxes.c - reads the top level, inboxes and outlets.
 */
#include <string.h>

#include "base/similar.h"
#include "config/config_fleet.h"
#include "config/config_mapping.h"
#include "config/config_value.h"
#include "config/units.h"

/* The name of the type at index; NULL: there are no more. */
static const char *type_at(enum config_level level, size_t index)
{
    const struct inbox_type *inbox = inbox_type_at(index);
    const struct outlet_type *outlet = outlet_type_at(index);
    if (level == LEVEL_INBOX) {
        return inbox != NULL ? inbox->name : NULL;
    }
    return outlet != NULL ? outlet->name : NULL;
}

/* Writes the similar one, or the names of all: "write one of: files, stdout".
 */
static void types_suggest(enum config_level level, const char *type, char *text,
                          size_t text_size)
{
    struct similar similar;
    const char *name;
    similar_begin(&similar, type);
    size_t size = (size_t)snprintf(text, text_size, "write one of: ");
    for (size_t i = 0; (name = type_at(level, i)) != NULL; i++) {
        similar_consider(&similar, name);
        if (size < text_size) {
            size += (size_t)snprintf(text + size, text_size - size, "%s%s",
                                     i == 0 ? "" : ", ", name);
        }
    }
    if (similar.best != NULL) {
        snprintf(text, text_size, "did you mean \"%s\"?", similar.best);
    }
}

/* Reports an unknown type. */
static void type_fail(const struct config_mapping *mapping)
{
    char quoted[CONFIG_SHOW_SIZE];
    char types[HAPLO_TEXT_SIZE_MAX];
    const struct config_pair *pair = config_mapping_find(mapping, "type");
    if (pair == NULL) {
        config_mapping_missing(mapping, "type");
        return;
    }
    if (pair->text == NULL || pair->text[0] == '\0') {
        return; /* reported by config_mapping_text() */
    }
    const char *needs = config_mapping_type_needs(mapping);
    if (needs != NULL) {
        config_mapping_fail(mapping, HP_TYPE_NOT_BUILT, pair,
                            "type: this haplo-poll was built without %s: "
                            "install %s and build it again",
                            pair->text, needs);
        return;
    }
    types_suggest(mapping->level, pair->text, types, sizeof types);
    config_mapping_fail(mapping, HP_TYPE_UNKNOWN, pair,
                        "type: no type is named %s: %s",
                        config_quote(pair->text, quoted), types);
}

/* True if the option is one that all types share. */
static bool is_common(const struct config_mapping *mapping, const char *name)
{
    struct option_table table = config_level_table(mapping->level, 0);
    for (size_t i = 1; table.rows != NULL; i++) {
        if (option_table_find(&table, name) != NULL) {
            return true;
        }
        table = config_level_table(mapping->level, i);
    }
    return false;
}

/* Refuses options of other types. */
static int foreign_check(const struct config_mapping *mapping, const char *type,
                         const struct option_table *table)
{
    int result = 0;
    for (size_t i = 0; i < mapping->count; i++) {
        const struct config_pair *pair = config_mapping_at(mapping, i);
        const char *name = pair->row->name;
        if (!is_common(mapping, name) &&
            option_table_find(table, name) == NULL) {
            result = config_mapping_fail(mapping, HP_KEY_OF_OTHER_TYPE, pair,
                                         "%s is not an option of the type %s: "
                                         "remove it, or change the type",
                                         name, type);
        }
    }
    return result;
}

/* Creates the struct that the options of the type fill. NULL if a value is
 * refused. */
static void *type_options_take(const struct config_mapping *mapping,
                               const char *type,
                               const struct option_table *table,
                               size_t options_size)
{
    struct config *config = mapping->loading->config;
    void *options = arena_bytes(&config->arena, options_size + 1);
    if (options == NULL || config_values_default(config, table, options) != 0) {
        config_loading_no_memory(mapping->loading);
        return NULL;
    }
    int result = foreign_check(mapping, type, table);
    if (config_mapping_apply(mapping, table, options, NULL) != 0) {
        result = -1;
    }
    return result == 0 ? options : NULL;
}

void config_inbox_take(const struct config_mapping *mapping)
{
    struct config_inbox *inbox = list_add(&mapping->loading->inboxes);
    if (inbox == NULL) {
        config_loading_no_memory(mapping->loading);
        return;
    }
    inbox->place = mapping->place;
    inbox->name = config_mapping_name(mapping);
    const char *type = config_mapping_text(mapping, "type");
    inbox->type = type != NULL ? inbox_type_find(type) : NULL;
    if (inbox->type == NULL) {
        type_fail(mapping);
        return;
    }
    const struct option_table table = {inbox->type->options,
                                       inbox->type->option_count};
    inbox->options = type_options_take(mapping, inbox->type->name, &table,
                                       inbox->type->options_size);
}

/* Handles "inbox: PATH" at the top level. */
static void short_inbox_take(const struct config_mapping *top,
                             const struct config_pair *pair)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct config_loading *loading = top->loading;
    const char *path = config_mapping_text(top, "inbox");
    struct config_inbox *inbox = list_add(&loading->inboxes);
    const struct inbox_type *type = inbox_type_find("sqlite");
    if (inbox == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    *inbox = (struct config_inbox){
        .name = "inbox", .type = type, .place = pair->place};
    if (path == NULL || type == NULL) {
        return;
    }
    const struct option_table table = {type->options, type->option_count};
    const struct option_row *row = option_table_find(&table, "path");
    loading->config->path_file = pair->place.file;
    inbox->options =
        arena_bytes(&loading->config->arena, type->options_size + 1);
    if (inbox->options == NULL ||
        config_values_default(loading->config, &table, inbox->options) != 0) {
        config_loading_no_memory(loading);
        return;
    }
    enum diagnostic_code code = config_value_parse(
        loading->config, row, path, inbox->options, why, sizeof why);
    if (code != HP_NONE) {
        config_mapping_fail(top, code, pair, "inbox: %s", why);
    }
}

/* Sets the patterns of the outlet. */
static void patterns_take(const struct config_mapping *mapping,
                          struct outlet_draft *draft)
{
    const struct option_table *table = &config_outlet_rows;
    const char *const *patterns = NULL;
    const struct config_pair *pair = config_mapping_find(mapping, "queues");
    const struct option_row *row = option_table_find(table, "queues");
    const struct option_table only = {row, 1};
    if (pair != NULL &&
        config_mapping_apply(mapping, &only, &patterns, NULL) == 0) {
        draft->outlet.forward.queues = patterns;
        draft->outlet.forward.queue_count = pair->texts.count;
        size_t size = pair->places.count * sizeof(struct config_place);
        draft->queue_places = arena_bytes(&mapping->loading->arena, size);
        if (draft->queue_places != NULL) {
            memcpy(draft->queue_places, pair->places.items, size);
        }
    }
}

/* Lets the type check its options. It reads secrets, which a check need not
 * have. */
static void type_check(const struct config_mapping *mapping,
                       const struct forwarder_options *forward)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (mapping->loading->config->checks_files &&
        !config_secrets_are_here(mapping)) {
        return;
    }
    if (forward->type->check != NULL && forward->type_options != NULL &&
        forward->type->check(forward->type_options, why, sizeof why) != 0) {
        config_mapping_fail(mapping, HP_OUTLET_CONTRADICTORY, NULL, "%s", why);
    }
}

static void backoff_check(const struct config_mapping *mapping,
                          const struct forwarder_options *forward)
{
    char first[UNITS_TEXT_SIZE];
    char longest[UNITS_TEXT_SIZE];
    if (forward->backoff_max_ms < forward->backoff_ms) {
        config_mapping_fail(mapping, HP_LIMITS_CROSSED,
                            config_mapping_find(mapping, "backoff_max"),
                            "backoff_max (%s) is below backoff (%s): raise the "
                            "one or lower the other",
                            duration_format(forward->backoff_max_ms, longest),
                            duration_format(forward->backoff_ms, first));
    }
}

void config_outlet_take(const struct config_mapping *mapping)
{
    struct config *config = mapping->loading->config;
    struct outlet_draft *draft = list_add(&mapping->loading->outlets);
    const struct option_table common = {forwarder_option_rows,
                                        forwarder_option_count};
    if (draft == NULL ||
        config_values_default(config, &common, &draft->outlet.forward) != 0) {
        config_loading_no_memory(mapping->loading);
        return;
    }
    struct forwarder_options *forward = &draft->outlet.forward;
    const struct config_pair *inbox = config_mapping_find(mapping, "inbox");
    draft->outlet.place = mapping->place;
    forward->name = config_mapping_name(mapping);
    if (config_mapping_apply(mapping, &common, forward, NULL) == 0) {
        backoff_check(mapping, forward);
    }
    patterns_take(mapping, draft);
    const struct config_pair *when = config_mapping_find(mapping, "when");
    forward->when = when != NULL ? when->rules : NULL;
    if (inbox != NULL) {
        const char *name = config_mapping_text(mapping, "inbox");
        draft->inbox_place = inbox->value_place;
        draft->inbox =
            arena_string(&mapping->loading->arena, name != NULL ? name : "");
    }
    const char *type = config_mapping_text(mapping, "type");
    forward->type = type != NULL ? outlet_type_find(type) : NULL;
    if (forward->type == NULL) {
        type_fail(mapping);
        return;
    }
    const struct option_table table = {forward->type->options,
                                       forward->type->option_count};
    forward->type_options = type_options_take(
        mapping, forward->type->name, &table, forward->type->options_size);
    type_check(mapping, forward);
}

/* True if this is no list, or a list with entries of which none became a
 * section. That has been reported. */
static bool is_bad_list(const struct config_pair *list)
{
    return list != NULL && (list->is_bad || list->entry_count > 0);
}

/* Either inbox or inboxes must be given; the latter also in included files. */
static void inboxes_take(const struct config_mapping *top)
{
    const struct config_pair *one = config_mapping_find(top, "inbox");
    const struct config_pair *several = config_mapping_find(top, "inboxes");
    size_t count = top->loading->inboxes.count;
    if (one != NULL && (several != NULL || count > 0)) {
        config_mapping_fail(top, HP_KEYS_EXCLUSIVE, one,
                            "both inbox and inboxes are given: keep one of "
                            "them");
    } else if (one != NULL) {
        short_inbox_take(top, one);
    } else if (several == NULL && count == 0) {
        config_mapping_missing(top, "inbox");
    } else if (count == 0 && !is_bad_list(several)) {
        config_mapping_fail(top, HP_LIST_EMPTY, several,
                            "there are no inboxes: list at least one under "
                            "inboxes");
    }
}

void config_top_take(const struct config_mapping *mapping)
{
    const struct config_loading *loading = mapping->loading;
    const struct config_pair *servers = config_mapping_find(mapping, "servers");
    const struct config_pair *state_dir =
        config_mapping_find(mapping, "state_dir");
    struct config *config = mapping->loading->config;
    if (config_values_default(config, &config_top_rows, config) != 0) {
        config_loading_no_memory(mapping->loading);
        return;
    }
    config_mapping_apply(mapping, &config_top_rows, config, NULL);
    if (state_dir != NULL) {
        mapping->loading->state_dir_place = state_dir->place;
    }
    config_coordination_take(mapping);
    inboxes_take(mapping);
    if (loading->servers.count == 0 && !is_bad_list(servers)) {
        config_mapping_fail(mapping, HP_LIST_EMPTY, servers,
                            "there are no servers: list at least one under "
                            "servers");
    }
}
