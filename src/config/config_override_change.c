/*
 * config_override_change.c - what an environment changes, as an operator may
 * see it: without secrets.
 */
#include "config/config_override_change.h"

#include <string.h>

#include "base/key_shape.h"
#include "config/config_options.h"

/* True if the option is secret, for an inbox or outlet of any type, or if the
 * value may be: as the user or the query of a URL. */
static bool is_secret(const struct config_mapping *mapping,
                      const struct config_pair *pair)
{
    const char *text = pair->text != NULL ? pair->text : "";
    struct option_table table = config_type_table(mapping->level, 0);
    for (size_t i = 1; table.rows != NULL; i++) {
        const struct option_row *row =
            option_table_find(&table, pair->row->name);
        if (row != NULL && row->value == OPTION_SECRET) {
            return true;
        }
        table = config_type_table(mapping->level, i);
    }
    return pair->row->value == OPTION_SECRET || strchr(text, '@') != NULL ||
           (strstr(text, "://") != NULL && strchr(text, '?') != NULL) ||
           api_key_is_part(text);
}

/* The value as an operator may see it. */
static const char *value_show(const struct config_mapping *mapping,
                              const struct config_pair *pair)
{
    struct config_loading *loading = mapping->loading;
    char text[2 * CONFIG_SHOW_SIZE] = "";
    char shown[CONFIG_SHOW_SIZE];
    size_t size = 0;
    if (pair == NULL) {
        return NULL;
    }
    if (is_secret(mapping, pair)) {
        return CONFIG_HIDDEN;
    }
    if (pair->shape == SHAPE_TEXT) {
        return arena_string(&loading->config->arena,
                            config_show(pair->text, shown));
    }
    for (size_t i = 0; i < pair->texts.count && size < sizeof text; i++) {
        const char *entry = *(char *const *)list_at(&pair->texts, i);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s%s",
                                 i > 0 ? ", " : "", config_show(entry, shown));
    }
    return arena_string(&loading->config->arena,
                        size > 0 ? text : "(a mapping)");
}

void config_override_change_note(const struct config_mapping *mapping,
                                 const struct config_pair *from,
                                 const struct config_pair *to)
{
    struct config_loading *loading = mapping->loading;
    char where[CONFIG_WHERE_SIZE];
    struct config_override_change *change = list_add(&loading->changes);
    if (change == NULL) {
        config_loading_no_memory(loading);
        return;
    }
    *change = (struct config_override_change){
        .where = arena_string(&loading->config->arena,
                              config_mapping_where(mapping, where)),
        .option = from != NULL ? from->row->name : to->row->name,
        .from = value_show(mapping, from),
        .to = value_show(mapping, to),
    };
}
