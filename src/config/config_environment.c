/*
 * config_environment.c - environments.
 *
 *   - If one is selected, the main file is read twice. The first time,
 *     everything but `environments` is skipped, and the values of the selected
 *     one are kept, as overrides (config_override.c).
 *   - The second time, at the end of each mapping, they take the place of its
 *     own values, before these are parsed.
 *
 * Environments that are not selected are checked as far as they can be without
 * the rest.
 */
#include "config/config_environment.h"

#include <string.h>

#include "base/similar.h"
#include "config/config_override.h"
#include "config/config_value.h"

/* A name in `environments`, whether selected or not. */
struct environment {
    const char *name;
    struct config_place place;
};

const struct config_mapping *config_environment_of(
    const struct config_mapping *mapping)
{
    while (mapping != NULL && mapping->level != LEVEL_ENVIRONMENT) {
        mapping = mapping->outer;
    }
    return mapping;
}

/* First reading */

static void environment_keep(struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct environment *environment = list_add(&loading->environments);
    if (environment == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    environment->place = mapping->place;
    environment->name =
        arena_string(&loading->arena, config_mapping_own_name(mapping));
    if (strcmp(config_mapping_own_name(mapping),
               loading->config->environment) == 0) {
        config_override_keep(mapping);
        loading->has_environment = true;
    } else {
        config_overrides_cut(loading, loading->override_first);
    }
    loading->override_first = loading->overrides.count;
}

bool config_environment_found(struct config_loading *loading)
{
    struct similar similar;
    char quoted[CONFIG_SHOW_SIZE];
    char hint[CONFIG_SHOW_SIZE + 32] = "define it under environments";
    const char *name = loading->config->environment;
    if (loading->has_environment) {
        loading->environments.count = 0; /* the second reading adds them */
        return true;
    }
    similar_begin(&similar, name);
    for (size_t i = 0; i < loading->environments.count; i++) {
        const struct environment *other = list_at(&loading->environments, i);
        (void)similar_consider(&similar, other->name);
    }
    if (similar.best != NULL) {
        char best[CONFIG_SHOW_SIZE];
        snprintf(hint, sizeof hint, "did you mean \"%s\"?",
                 config_show(similar.best, best));
    }
    config_errors_add(
        &loading->errors, HP_ENVIRONMENT_UNKNOWN, (struct config_place){0},
        "no environment is named %s: %s", config_quote(name, quoted), hint);
    return false;
}

/* Second reading */

/* Parses the values that do not depend on anything else. */
static void values_check(const struct config_mapping *mapping,
                         const struct option_table *table)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    uint64_t values[512]; /* large enough for any struct of options */
    struct config *config = mapping->loading->config;
    bool checks_files = config->checks_files;
    config->checks_files = false; /* it may be for another machine */
    for (size_t i = 0; i < mapping->count; i++) {
        const struct config_pair *pair = config_mapping_at(mapping, i);
        bool is_of =
            pair->row >= table->rows && pair->row < table->rows + table->count;
        if (!is_of || pair->row->value == OPTION_GROUP ||
            pair->row->value == OPTION_REFERENCE ||
            pair->row->value == OPTION_TEXT_LIST ||
            config_mapping_text(mapping, pair->row->name) == NULL) {
            continue;
        }
        enum diagnostic_code code = config_value_parse(
            config, pair->row, pair->text, values, why, sizeof why);
        if (code != HP_NONE) {
            (void)config_mapping_fail(mapping, code, pair, "%s: %s",
                                      pair->row->name, why);
        }
    }
    config->checks_files = checks_files;
}

static void environment_check(const struct config_mapping *mapping,
                              const char *name)
{
    struct config_loading *loading = mapping->loading;
    for (size_t i = 0; i < loading->environments.count; i++) {
        const struct environment *other = list_at(&loading->environments, i);
        if (!config_place_is_before(other->place, mapping->place) ||
            strcmp(other->name, name) != 0) {
            continue;
        }
        char shown[CONFIG_PLACE_SIZE];
        config_mapping_fail(mapping, HP_NAME_TWICE, NULL,
                            "its name is already used in %s: choose another",
                            config_place_show(loading->config, mapping->place,
                                              other->place, shown));
        return;
    }
    struct environment *environment = list_add(&loading->environments);
    if (environment == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    environment->place = mapping->place;
    environment->name = name;
}

static void override_check(const struct config_mapping *mapping)
{
    const char *name = config_mapping_name(mapping);
    if (name == NULL) {
        return;
    }
    switch (mapping->level) {
    case LEVEL_ENVIRONMENT:
        environment_check(mapping, name);
        break;
    case LEVEL_SERVER:
        values_check(mapping, &server_own_options);
        values_check(mapping, &config_server_rows);
        values_check(mapping, &config_queue_rows);
        break;
    case LEVEL_QUEUE:
        values_check(mapping, &config_queue_rows);
        break;
    default:
        break;
    }
}

void config_environment_take(struct config_mapping *mapping)
{
    if (!mapping->loading->is_first_reading) {
        override_check(mapping);
    } else if (mapping->level == LEVEL_ENVIRONMENT) {
        environment_keep(mapping);
    } else {
        config_override_keep(mapping);
    }
}

void config_environments_init(struct config_loading *loading)
{
    loading->environments.item_size = sizeof(struct environment);
    config_overrides_init(loading);
}

void config_environments_free(struct config_loading *loading)
{
    list_free(&loading->environments);
    config_overrides_free(loading);
}
