#include "config/config_options.h"

#include <stdio.h>
#include <string.h>

#include "base/similar.h"
#include "inbox/inbox.h"
#include "outlets/forwarder/forwarder.h"
#include "outlets/outlet.h"

struct option_table config_level_table(enum config_level level, size_t index)
{
    static const struct option_table *const tables[LEVEL_COUNT][5] = {
        [LEVEL_TOP] = {&config_top_rows},
        [LEVEL_INCLUDED] = {&config_included_rows},
        [LEVEL_ENVIRONMENT] = {&config_environment_rows},
        [LEVEL_ADMIN] = {&config_admin_rows},
        [LEVEL_FLEET] = {&config_fleet_rows},
        [LEVEL_DEFAULTS] = {&config_server_rows, &config_queue_rows},
        [LEVEL_INBOX] = {&config_inbox_rows},
        [LEVEL_OUTLET] = {&config_outlet_rows},
        [LEVEL_SERVER] = {&server_own_options, &config_server_rows,
                          &key_options, &config_queue_rows},
        [LEVEL_QUEUE] = {&queue_own_options, &key_options, &config_queue_rows},
    };
    if (level == LEVEL_OUTLET && index == 1) {
        return (struct option_table){forwarder_option_rows,
                                     forwarder_option_count};
    }
    const struct option_table *table = tables[level][index];
    return table != NULL ? *table : (struct option_table){NULL, 0};
}

struct option_table config_type_table(enum config_level level, size_t index)
{
    static const struct option_row none;
    const struct inbox_type *inbox = inbox_type_at(index);
    const struct outlet_type *outlet = outlet_type_at(index);
    struct option_table table = {NULL, 0};
    if (level == LEVEL_INBOX && inbox != NULL) {
        table = (struct option_table){inbox->options, inbox->option_count};
    } else if (level == LEVEL_OUTLET && outlet != NULL) {
        table = (struct option_table){outlet->options, outlet->option_count};
    } else {
        return table;
    }
    /* A type without options must not look like the end. */
    table.rows = table.count > 0 ? table.rows : &none;
    return table;
}

static const char *config_level_text(enum config_level level)
{
    static const char *const texts[LEVEL_COUNT] = {
        [LEVEL_TOP] = "the top level",
        [LEVEL_ADMIN] = "admin",
        [LEVEL_FLEET] = "fleet",
        [LEVEL_INCLUDED] = "an included file",
        [LEVEL_ENVIRONMENT] = "an environment",
        [LEVEL_DEFAULTS] = "defaults",
        [LEVEL_INBOX] = "an inbox",
        [LEVEL_OUTLET] = "an outlet",
        [LEVEL_SERVER] = "a server",
        [LEVEL_QUEUE] = "a queue",
    };
    return texts[level];
}

bool option_has_none(const struct option_row *row)
{
    return row->fallback != NULL && strcmp(row->fallback, "none") == 0;
}

const struct option_row *option_table_find(const struct option_table *table,
                                           const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].name, name) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

const struct option_row *config_option_find(enum config_level level,
                                            const char *name)
{
    const struct option_row *row = NULL;
    struct option_table table = config_level_table(level, 0);
    for (size_t i = 1; row == NULL && table.rows != NULL; i++) {
        row = option_table_find(&table, name);
        table = config_level_table(level, i);
    }
    table = config_type_table(level, 0);
    for (size_t i = 1; row == NULL && table.rows != NULL; i++) {
        row = option_table_find(&table, name);
        table = config_type_table(level, i);
    }
    return row;
}

/* Options that a queue inherits belong to the queue, although they are also
 * allowed at its server and in defaults. */
static bool level_is_home(enum config_level level, const char *name)
{
    switch (level) {
    case LEVEL_INCLUDED:
    case LEVEL_ENVIRONMENT:
    case LEVEL_DEFAULTS:
        return false;
    case LEVEL_SERVER:
        return option_table_find(&server_own_options, name) != NULL ||
               option_table_find(&config_server_rows, name) != NULL;
    default:
        return config_option_find(level, name) != NULL;
    }
}

bool config_option_homes(const char *name, char *text, size_t text_size)
{
    enum config_level homes[LEVEL_COUNT];
    size_t count = 0;
    size_t size = 0;
    for (int level = 0; level < LEVEL_COUNT; level++) {
        if (level_is_home((enum config_level)level, name)) {
            homes[count++] = (enum config_level)level;
        }
    }
    text[0] = '\0';
    for (size_t i = 0; i < count && size < text_size; i++) {
        const char *joint = i == 0 ? "" : i == count - 1 ? " or " : ", ";
        size += (size_t)snprintf(text + size, text_size - size, "%s%s", joint,
                                 config_level_text(homes[i]));
    }
    return count > 0;
}

static const struct option_row *suggest_from(struct similar *similar,
                                             const struct option_table *table)
{
    const struct option_row *best = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (similar_consider(similar, table->rows[i].name)) {
            best = &table->rows[i];
        }
    }
    return best;
}

const struct option_row *option_table_suggest(const struct option_table *table,
                                              const char *name)
{
    struct similar similar;
    similar_begin(&similar, name);
    return suggest_from(&similar, table);
}

const struct option_row *config_option_suggest(enum config_level level,
                                               const char *name)
{
    struct similar similar;
    const struct option_row *best = NULL;
    struct option_table (*const groups[])(enum config_level, size_t) = {
        config_level_table, config_type_table};
    similar_begin(&similar, name);
    for (size_t group = 0; group < 2; group++) {
        struct option_table table = groups[group](level, 0);
        for (size_t i = 1; table.rows != NULL; i++) {
            const struct option_row *row = suggest_from(&similar, &table);
            best = row != NULL ? row : best;
            table = groups[group](level, i);
        }
    }
    return best;
}
