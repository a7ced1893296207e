/*
 * config_override.c - the values of the selected environment.
 *
 *   - They are moved out of the mappings of the environment
 *     (config_override_keep).
 *   - At the end of a mapping of the configuration itself, they take the place
 *     of its own values, before these are parsed (config_override_apply). So
 *     they obey the same rules, and an error in one is told with its own
 *     position.
 *   - What has changed is noted, for `haplo-poll check`
 *     (config_override_change.c).
 *
 * An override of something that does not exist is an error. So is a new URL
 * with an old key: the key of one server would be sent to another.
 */
#include "config/config_override.h"

#include <string.h>

#include "config/config_options.h"
#include "config/config_override_change.h"

/* The values of one mapping in the environment. */
struct config_override {
    enum config_level level;   /* of what it overrides */
    const char *server;        /* of a queue: name of its server */
    const char *name;          /* of what it overrides; "": the top level */
    struct config_place place; /* of the mapping */
    struct list pairs;         /* struct config_pair, owned */
    bool is_used;              /* there is something with this name */
};

/* First reading */

/* Options of the mapping itself, not what is nested in it. */
static bool is_overriding(const struct config_pair *pair)
{
    return strcmp(pair->row->name, "name") != 0 &&
           (pair->row->value != OPTION_GROUP ||
            strcmp(pair->row->name, "when") == 0);
}

void config_override_keep(struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    struct config_override *override = list_add(&loading->overrides);
    if (override == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    bool is_top = mapping->level == LEVEL_ENVIRONMENT;
    override->pairs.item_size = sizeof(struct config_pair);
    override->level = is_top ? LEVEL_TOP : mapping->level;
    override->place = mapping->place;
    override->name = arena_string(
        &loading->arena, is_top ? "" : config_mapping_own_name(mapping));
    if (mapping->level == LEVEL_QUEUE) {
        override->server = arena_string(
            &loading->arena, config_mapping_own_name(mapping->outer));
    }
    for (size_t i = 0; i < mapping->count; i++) {
        struct config_pair *pair = config_mapping_at(mapping, i);
        if (!is_overriding(pair)) {
            continue;
        }
        struct config_pair *kept = list_add(&override->pairs);
        if (kept == NULL) {
            config_loading_no_memory(loading);
            return;
        }
        *kept = *pair;
        pair->text = NULL;
        memset(&pair->texts, 0, sizeof pair->texts);
        memset(&pair->places, 0, sizeof pair->places);
    }
}

static void override_clear(struct config_override *override)
{
    for (size_t i = 0; i < override->pairs.count; i++) {
        config_pair_clear(list_at(&override->pairs, i));
    }
    list_free(&override->pairs);
}

void config_overrides_cut(struct config_loading *loading, size_t count)
{
    struct list *overrides = &loading->overrides;
    for (size_t i = count; i < overrides->count; i++) {
        override_clear(list_at(overrides, i));
    }
    overrides->count = count;
}

void config_overrides_init(struct config_loading *loading)
{
    loading->overrides.item_size = sizeof(struct config_override);
    loading->changes.item_size = sizeof(struct config_override_change);
    loading->old_keys.item_size = sizeof(struct config_place);
}

void config_overrides_free(struct config_loading *loading)
{
    config_overrides_cut(loading, 0);
    list_free(&loading->overrides);
    list_free(&loading->changes);
    list_free(&loading->old_keys);
}

/* Second reading */

static struct config_override *override_find(
    const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    bool is_top = mapping->level == LEVEL_TOP;
    const char *name = is_top ? "" : config_mapping_own_name(mapping);
    for (size_t i = 0; i < loading->overrides.count; i++) {
        struct config_override *override = list_at(&loading->overrides, i);
        if (override->level == mapping->level &&
            strcmp(override->name, name) == 0 &&
            (override->server == NULL ||
             strcmp(override->server,
                    config_mapping_own_name(mapping->outer)) == 0)) {
            return override;
        }
    }
    return NULL;
}

/* Removes a pair, into whose place the last one moves. */
static void pair_remove(struct config_mapping *mapping,
                        struct config_pair *pair)
{
    struct config_loading *loading = mapping->loading;
    config_override_change_note(mapping, pair, NULL);
    config_pair_clear(pair);
    *pair = *config_mapping_at(mapping, mapping->count - 1);
    mapping->count--;
    loading->pairs.count--;
}

static bool is_key(const struct option_row *row)
{
    return row >= key_options.rows &&
           row < key_options.rows + key_options.count;
}

/* An option that means something for another type only. */
static bool is_of_type(const struct config_mapping *mapping,
                       const struct option_row *row)
{
    struct option_table table = config_level_table(mapping->level, 0);
    for (size_t i = 1; table.rows != NULL; i++) {
        if (option_table_find(&table, row->name) != NULL) {
            return false;
        }
        table = config_level_table(mapping->level, i);
    }
    return true;
}

/* Removes what an override takes the place of under another name: another
 * source of the key, and the options of another type. */
static void rivals_remove(struct config_mapping *mapping,
                          const struct config_override *override)
{
    bool has_key = false;
    bool has_type = false;
    for (size_t i = 0; i < override->pairs.count; i++) {
        const struct config_pair *pair = list_at(&override->pairs, i);
        has_key = has_key || is_key(pair->row);
        has_type = has_type || strcmp(pair->row->name, "type") == 0;
    }
    for (size_t i = mapping->count; i > 0; i--) {
        struct config_pair *pair = config_mapping_at(mapping, i - 1);
        bool is_replaced = false;
        for (size_t j = 0; j < override->pairs.count; j++) {
            const struct config_pair *by = list_at(&override->pairs, j);
            is_replaced = is_replaced || by->row == pair->row;
        }
        if (!is_replaced && ((has_key && is_key(pair->row)) ||
                             (has_type && is_of_type(mapping, pair->row)))) {
            pair_remove(mapping, pair);
        }
    }
}

static void pair_override(struct config_mapping *mapping,
                          struct config_pair *by)
{
    struct config_loading *loading = mapping->loading;
    struct config_pair *pair = config_mapping_find(mapping, by->row->name);
    config_override_change_note(mapping, pair, by);
    if (pair == NULL) {
        pair = list_add(&loading->pairs);
        if (pair == NULL) {
            config_loading_no_memory(loading);
            return;
        }
        mapping->count++;
    }
    config_pair_clear(pair);
    *pair = *by;
    pair->row = config_option_find(mapping->level, by->row->name);
    memset(by, 0, sizeof *by);
}

/* A key of its own that the environment leaves as it is. */
static const struct config_pair *old_key_of(
    const struct config_mapping *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        const struct config_pair *pair = config_mapping_at(mapping, i);
        if (is_key(pair->row) && !pair->is_override) {
            return pair;
        }
    }
    return NULL;
}

/* The newest queues and keys are those of the server: refuses a key that would
 * be sent to another server than before. */
static void keys_check(const struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    const struct config_pair *url = config_mapping_find(mapping, "url");
    const struct config_pair *key = old_key_of(mapping);
    if (mapping->level == LEVEL_SERVER && url != NULL && url->is_override) {
        for (size_t i = 0; i < loading->old_keys.count; i++) {
            const struct config_place *place = list_at(&loading->old_keys, i);
            config_errors_add(&loading->errors, HP_OVERRIDE_KEEPS_KEY, *place,
                              "environment %s has another URL for this queue, "
                              "but no key: give it one there, or its key would "
                              "be sent to the other server",
                              loading->config->environment);
        }
        if (key != NULL) {
            config_mapping_fail(mapping, HP_OVERRIDE_KEEPS_KEY, key,
                                "environment %s has another URL for this "
                                "server, but no key: give it one there, or its "
                                "key would be sent to the other server",
                                loading->config->environment);
        }
    }
    if (mapping->level == LEVEL_SERVER) {
        loading->old_keys.count = 0;
    } else if (mapping->level == LEVEL_QUEUE && key != NULL) {
        struct config_place *place = list_add(&loading->old_keys);
        if (place == NULL) {
            config_loading_no_memory(loading);
            return;
        }
        *place = key->place;
    }
}

void config_override_apply(struct config_mapping *mapping)
{
    struct config_loading *loading = mapping->loading;
    if (loading->config->environment == NULL || loading->has_no_memory) {
        return;
    }
    struct config_override *override = override_find(mapping);
    if (override != NULL && !override->is_used) {
        override->is_used = true;
        rivals_remove(mapping, override);
        for (size_t i = 0; i < override->pairs.count && !loading->has_no_memory;
             i++) {
            struct config_pair *by = list_at(&override->pairs, i);
            by->is_override = true;
            pair_override(mapping, by);
        }
        override->pairs.count = 0;
    }
    keys_check(mapping);
}

void config_overrides_finish(struct config_loading *loading)
{
    static const char *const kinds[LEVEL_COUNT] = {
        [LEVEL_INBOX] = "inbox",
        [LEVEL_OUTLET] = "outlet",
        [LEVEL_SERVER] = "server",
        [LEVEL_QUEUE] = "queue",
    };
    for (size_t i = 0; i < loading->overrides.count; i++) {
        const struct config_override *override =
            list_at(&loading->overrides, i);
        char name[CONFIG_SHOW_SIZE];
        char server[CONFIG_SHOW_SIZE] = "";
        if (override->is_used || kinds[override->level] == NULL) {
            continue;
        }
        if (override->server != NULL) {
            config_entry_name(override->server, 0, server);
        }
        config_errors_add(&loading->errors, HP_OVERRIDE_UNKNOWN,
                          override->place,
                          "environment %s: there is no %s %s%s%s outside of "
                          "environments: correct the name, or define it there",
                          loading->config->environment, kinds[override->level],
                          server, server[0] != '\0' ? "/" : "",
                          config_entry_name(override->name, 0, name));
    }
    loading->config->changes = loading->changes.items;
    loading->config->change_count = loading->changes.count;
    loading->changes.items = NULL;
    loading->changes.count = 0;
}
