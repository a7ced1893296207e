#include "config/config_mapping.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_shape.h"
#include "config/config_environment.h"
#include "config/config_value.h"
#include "inbox/inbox.h"
#include "outlets/outlet.h"

int config_loading_no_memory(struct config_loading *loading)
{
    loading->has_no_memory = true;
    if (loading->events != NULL) {
        config_events_stop(loading->events);
    }
    return -1;
}

struct config_pair *config_mapping_at(const struct config_mapping *mapping,
                                      size_t index)
{
    return list_at(&mapping->loading->pairs, mapping->first + index);
}

static void texts_free(struct list *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        free(*(char **)list_at(texts, i));
    }
    list_free(texts);
}

void config_pair_clear(struct config_pair *pair)
{
    if (pair->text != NULL && pair->row->value == OPTION_SECRET) {
        explicit_bzero(pair->text, strlen(pair->text));
    }
    free(pair->text);
    texts_free(&pair->texts);
    list_free(&pair->places);
    pair->text = NULL;
}

void config_mapping_end(struct config_mapping *mapping)
{
    for (size_t i = 0; i < mapping->count; i++) {
        config_pair_clear(config_mapping_at(mapping, i));
    }
    mapping->loading->pairs.count = mapping->first;
    mapping->count = 0;
}

const char *config_entry_name(const char *name, size_t index,
                              char text[CONFIG_SHOW_SIZE])
{
    /* Somebody may have pasted a key instead of the name. */
    if (name == NULL || name[0] == '\0' || api_key_is_like(name)) {
        snprintf(text, CONFIG_SHOW_SIZE, "%zu", index + 1);
        return text;
    }
    return config_show(name, text);
}

static const char *mapping_name(const struct config_mapping *mapping,
                                char text[CONFIG_SHOW_SIZE])
{
    const struct config_pair *pair = config_mapping_find(mapping, "name");
    return config_entry_name(pair != NULL ? pair->text : NULL, mapping->index,
                             text);
}

/* The same without the environment. */
static void where_write(const struct config_mapping *mapping, char *text,
                        size_t size)
{
    static const char *const kinds[LEVEL_COUNT] = {
        [LEVEL_INBOX] = "inbox",
        [LEVEL_OUTLET] = "outlet",
        [LEVEL_SERVER] = "server",
        [LEVEL_QUEUE] = "queue",
    };
    char name[CONFIG_SHOW_SIZE];
    char outer[CONFIG_SHOW_SIZE];
    text[0] = '\0';
    if (mapping->level == LEVEL_DEFAULTS) {
        snprintf(text, size, "defaults: ");
    } else if (mapping->level == LEVEL_ADMIN) {
        snprintf(text, size, "admin: ");
    } else if (mapping->level == LEVEL_FLEET) {
        snprintf(text, size, "fleet: ");
    } else if (mapping->level == LEVEL_QUEUE) {
        snprintf(text, size,
                 "queue %s/%s: ", mapping_name(mapping->outer, outer),
                 mapping_name(mapping, name));
    } else if (kinds[mapping->level] != NULL) {
        snprintf(text, size, "%s %s: ", kinds[mapping->level],
                 mapping_name(mapping, name));
    }
}

const char *config_mapping_where(const struct config_mapping *mapping,
                                 char text[CONFIG_WHERE_SIZE])
{
    char name[CONFIG_SHOW_SIZE];
    const struct config_mapping *environment = config_environment_of(mapping);
    int size = 0;
    if (environment != NULL) {
        size = snprintf(text, CONFIG_WHERE_SIZE,
                        "environment %s: ", mapping_name(environment, name));
    }
    where_write(mapping, text + size, CONFIG_WHERE_SIZE - (size_t)size);
    return text;
}

static int fail_at(const struct config_mapping *mapping,
                   enum diagnostic_code code, struct config_place place,
                   const char *format, va_list arguments)
{
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    char where[CONFIG_WHERE_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    return config_errors_add(&mapping->loading->errors, code, place, "%s%s",
                             config_mapping_where(mapping, where), text);
}

/* What is wrong with a value is shown where the value is. */
static struct config_place place_of(const struct config_pair *pair,
                                    enum diagnostic_code code)
{
    bool is_of_value =
        code == HP_VALUE_SHAPE || code == HP_INBOX_UNKNOWN ||
        (code >= HP_NOT_A_BOOLEAN && code <= HP_TYPE_NOT_BUILT) ||
        (code >= HP_API_KEY_MISSING && code <= HP_SECRET_MISSING) ||
        code == HP_SECRET_PASTED;
    return is_of_value && pair->value_place.line > 0 ? pair->value_place
                                                     : pair->place;
}

int config_mapping_fail(const struct config_mapping *mapping,
                        enum diagnostic_code code,
                        const struct config_pair *pair, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int result = fail_at(mapping, code,
                         pair != NULL ? place_of(pair, code) : mapping->place,
                         format, arguments);
    va_end(arguments);
    return result;
}

/* The same at a position without a pair, for an unknown key. */
__attribute__((format(printf, 4, 5))) static void key_fail(
    const struct config_mapping *mapping, enum diagnostic_code code,
    struct config_place place, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fail_at(mapping, code, place, format, arguments);
    va_end(arguments);
}

bool config_mapping_meant(const struct config_mapping *mapping,
                          const char *name)
{
    for (size_t i = 0; i < mapping->meant_count; i++) {
        if (strcmp(mapping->meant[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void unknown_fail(struct config_mapping *mapping, const char *key,
                         struct config_place place)
{
    char quoted[CONFIG_SHOW_SIZE];
    char homes[HAPLO_TEXT_SIZE_MAX];
    const struct option_row *row = config_option_suggest(mapping->level, key);
    if (api_key_is_like(key)) {
        key_fail(mapping, HP_SECRET_PASTED, place,
                 "unknown key: it looks like an API key: write the key to a "
                 "file, and the file's path to api_key_file");
    } else if (mapping->level == LEVEL_INCLUDED &&
               config_option_find(LEVEL_TOP, key) != NULL) {
        key_fail(mapping, HP_KEY_MISPLACED, place,
                 "%s is not allowed in an included file: move it to %s",
                 config_quote(key, quoted),
                 config_show(mapping->loading->config->path, homes));
    } else if (config_option_homes(key, homes, sizeof homes)) {
        key_fail(mapping, HP_KEY_MISPLACED, place,
                 "%s is not allowed here: it belongs to %s",
                 config_quote(key, quoted), homes);
    } else if (strcmp(key, "<<") == 0) {
        key_fail(mapping, HP_KEY_MERGE, place,
                 "merge keys (<<) are not supported: use defaults");
    } else if (row != NULL) {
        key_fail(mapping, HP_KEY_UNKNOWN, place,
                 "unknown key %s: did you mean \"%s\"?",
                 config_quote(key, quoted), row->name);
        if (mapping->meant_count < CONFIG_MEANT_MAX) {
            mapping->meant[mapping->meant_count++] = row->name;
        }
    } else {
        key_fail(mapping, HP_KEY_UNKNOWN, place,
                 "unknown key %s: see haplo-poll help config",
                 config_quote(key, quoted));
    }
}

const char *config_mapping_type_needs(const struct config_mapping *mapping)
{
    const struct config_pair *pair = config_mapping_find(mapping, "type");
    const char *type = pair != NULL ? pair->text : NULL;
    if (type == NULL) {
        return NULL;
    }
    switch (mapping->level) {
    case LEVEL_INBOX:
        return inbox_type_needs(type);
    case LEVEL_OUTLET:
        return outlet_type_needs(type);
    default:
        return NULL;
    }
}

struct config_pair *config_mapping_add(struct config_mapping *mapping,
                                       char *text, struct config_place place)
{
    const struct option_row *row = config_option_find(mapping->level, text);
    const struct config_pair *first = NULL;
    if (row == NULL && config_mapping_type_needs(mapping) == NULL) {
        unknown_fail(mapping, text, place);
    } else if (row != NULL) {
        first = config_mapping_find(mapping, row->name);
    }
    free(text);
    if (first != NULL) {
        char shown[CONFIG_PLACE_SIZE];
        key_fail(mapping, HP_KEY_TWICE, place,
                 "%s: it is already given in %s: remove one of them", row->name,
                 config_place_show(mapping->loading->config, place,
                                   first->place, shown));
    }
    if (row == NULL || first != NULL) {
        return NULL;
    }
    struct config_pair *pair = list_add(&mapping->loading->pairs);
    if (pair == NULL) {
        config_loading_no_memory(mapping->loading);
        return NULL;
    }
    mapping->count++;
    pair->row = row;
    pair->place = place;
    pair->texts.item_size = sizeof(char *);
    pair->places.item_size = sizeof(struct config_place);
    return pair;
}

/* Reads the entries of a list that has started. */
static void texts_read(struct config_loading *loading, struct config_pair *pair)
{
    struct config_event event;
    pair->shape = SHAPE_TEXTS;
    for (;;) {
        config_events_next(loading->events, &event);
        if (event.kind == CONFIG_EVENT_LIST_END ||
            event.kind == CONFIG_EVENT_END) {
            return;
        }
        if (event.kind != CONFIG_EVENT_VALUE) {
            pair->shape = SHAPE_LIST;
            config_events_skip(loading->events, &event);
            continue;
        }
        char **text = list_add(&pair->texts);
        struct config_place *place = list_add(&pair->places);
        if (text == NULL || place == NULL) {
            free(event.text);
            config_loading_no_memory(loading);
            return;
        }
        *text = event.text;
        *place = event.place;
    }
}

void config_pair_read(struct config_loading *loading, struct config_pair *pair,
                      struct config_event *event)
{
    switch (event->kind) {
    case CONFIG_EVENT_VALUE:
        pair->shape = SHAPE_TEXT;
        pair->text = event->text;
        break;
    case CONFIG_EVENT_LIST:
        texts_read(loading, pair);
        break;
    case CONFIG_EVENT_MAPPING:
        pair->shape = SHAPE_MAPPING;
        config_events_skip(loading->events, event);
        break;
    default:
        break;
    }
}

struct config_pair *config_mapping_find(const struct config_mapping *mapping,
                                        const char *name)
{
    for (size_t i = 0; i < mapping->count; i++) {
        struct config_pair *pair = config_mapping_at(mapping, i);
        if (strcmp(pair->row->name, name) == 0) {
            return pair;
        }
    }
    return NULL;
}

/* 0 if the value has the shape that the row requires. */
static int shape_check(const struct config_mapping *mapping,
                       const struct config_pair *pair,
                       const struct option_row *row)
{
    enum config_shape wanted =
        row->value == OPTION_TEXT_LIST ? SHAPE_TEXTS : SHAPE_TEXT;
    const char *got = pair->shape == SHAPE_MAPPING ? "a mapping"
                      : pair->shape == SHAPE_TEXT  ? "a single value"
                                                   : "a list";
    /* Where a list of values is required, say what is wrong with its entries.
     */
    if (pair->shape == SHAPE_LIST && wanted == SHAPE_TEXTS) {
        return config_mapping_fail(mapping, HP_ENTRY_SHAPE, pair,
                                   "%s: an entry is not a single value: write "
                                   "one value for each",
                                   row->name);
    }
    if (pair->shape == wanted) {
        return 0;
    }
    return config_mapping_fail(mapping, HP_VALUE_SHAPE, pair,
                               "%s: it is %s: write %s", pair->row->name, got,
                               wanted == SHAPE_TEXT ? "one value"
                                                    : "a list: [ONE, TWO]");
}

bool config_mapping_is_list(const struct config_mapping *mapping,
                            const struct config_pair *pair)
{
    return shape_check(mapping, pair, pair->row) == 0;
}

const char *config_mapping_text(const struct config_mapping *mapping,
                                const char *name)
{
    const struct config_pair *pair = config_mapping_find(mapping, name);
    if (pair == NULL || shape_check(mapping, pair, pair->row) != 0) {
        return NULL;
    }
    if (pair->text[0] == '\0') {
        config_mapping_fail(mapping, HP_VALUE_EMPTY, pair,
                            "%s: it has no value: write one, or remove it",
                            name);
        return NULL;
    }
    return pair->text;
}

int config_mapping_missing(const struct config_mapping *mapping,
                           const char *name)
{
    if (config_mapping_meant(mapping, name)) {
        return -1;
    }
    return config_mapping_fail(mapping, HP_KEY_MISSING, NULL,
                               "%s is missing: add it", name);
}

/* Like config_mapping_apply(), for one row that has a pair. */
static int pair_apply(const struct config_mapping *mapping,
                      const struct config_pair *pair,
                      const struct option_row *row, void *values)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct config *config = mapping->loading->config;
    if (shape_check(mapping, pair, row) != 0) {
        return -1;
    }
    config->path_file = pair->place.file;
    enum diagnostic_code code =
        row->value == OPTION_TEXT_LIST
            ? config_list_parse(config, row, pair->texts.items,
                                pair->texts.count, values, why, sizeof why)
            : config_value_parse(config, row, pair->text, values, why,
                                 sizeof why);
    return code == HP_NONE ? 0
                           : config_mapping_fail(mapping, code, pair, "%s: %s",
                                                 row->name, why);
}

const char *config_mapping_own_name(const struct config_mapping *mapping)
{
    const struct config_pair *pair = config_mapping_find(mapping, "name");
    return pair != NULL && pair->text != NULL ? pair->text : "";
}

const char *config_mapping_name(const struct config_mapping *mapping)
{
    char quoted[CONFIG_SHOW_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct config_pair *pair = config_mapping_find(mapping, "name");
    const char *text = config_mapping_text(mapping, "name");
    if (pair == NULL) {
        config_mapping_missing(mapping, "name");
    }
    if (text == NULL) {
        return NULL;
    }
    if (haplo_name_check(text, why, sizeof why) != 0) {
        config_mapping_fail(mapping, HP_NAME_INVALID, pair, "name: %s: %s",
                            config_quote(text, quoted), why);
        return NULL;
    }
    return arena_string(&mapping->loading->config->arena, text);
}

int config_mapping_apply(const struct config_mapping *mapping,
                         const struct option_table *table, void *values,
                         uint64_t *set)
{
    int result = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        const struct config_pair *pair =
            config_mapping_find(mapping, row->name);
        if (row->value == OPTION_GROUP || row->value == OPTION_REFERENCE) {
            continue;
        }
        if (pair == NULL) {
            if (row->fallback == NULL) {
                result = config_mapping_missing(mapping, row->name);
            }
        } else if (pair_apply(mapping, pair, row, values) != 0) {
            result = -1;
        } else if (set != NULL) {
            *set |= UINT64_C(1) << i;
        }
    }
    return result;
}
