/*
 * config_when.c - reads the rules of an outlet from the outside in:
 *
 *     when:                                            rules
 *       - {/action: "object:change",                   an alternative, a test
 *          /object/type/code: [a, "b:*"]}              a test with two values
 *       - {workType: "x:thesis", state: submitted}
 *
 * A single alternative may be written without a list. Errors are reported with
 * their positions; what is wrong is skipped.
 */
#include "config/config_when.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* While `when` is being read. The lists are those of what is open. */
struct reading {
    const struct config_mapping *mapping; /* of the outlet */
    struct config_pair *pair;             /* of the key `when` */
    size_t number;                        /* of the alternative, from 1 */
    bool is_cut;                          /* the file ended before it did */
    struct list alternatives;             /* struct route_alternative */
    struct list tests;                    /* struct route_test */
    struct list places;                   /* struct config_place, of each */
    struct list values;                   /* const char * */
};

static void no_memory(const struct reading *reading)
{
    reading->pair->is_bad = true;
    config_loading_no_memory(reading->mapping->loading);
}

/* "when: alternative 2: ..." */
__attribute__((format(printf, 4, 5))) static void fail(
    const struct reading *reading, enum diagnostic_code code,
    struct config_place place, const char *format, ...)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    const struct config_pair at = {.place = place};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_mapping_fail(reading->mapping, code, &at,
                        "when: alternative %zu: %s", reading->number, text);
    reading->pair->is_bad = true;
}

/* Copies the items of a list to the configuration, and empties the list. NULL
 * if memory runs out. */
static void *items_keep(const struct reading *reading, struct list *list)
{
    struct config *config = reading->mapping->loading->config;
    size_t size = list->count * list->item_size;
    void *items = arena_bytes(&config->arena, size);
    if (items == NULL) {
        no_memory(reading);
    } else if (size > 0) {
        memcpy(items, list->items, size);
    }
    list->count = 0;
    return items;
}

/* True for the event that ends the innermost list or mapping, and for the end
 * of the file. */
static bool is_end(struct reading *reading, const struct config_event *event)
{
    reading->is_cut = reading->is_cut || event->kind == CONFIG_EVENT_END;
    return event->kind == CONFIG_EVENT_LIST_END ||
           event->kind == CONFIG_EVENT_MAPPING_END ||
           event->kind == CONFIG_EVENT_END;
}

/* Values */

static void value_add(struct reading *reading, const struct config_event *event)
{
    struct reason why;
    struct config *config = reading->mapping->loading->config;
    if (event->text[0] == '\0') {
        fail(reading, HP_WHEN_VALUE, event->place,
             "a value is empty: write null for one that is missing");
        return;
    }
    if (route_value_check(event->text, &why) != 0) {
        fail(reading, HP_WHEN_VALUE, event->place, "%s", why.text);
        return;
    }
    const char **value = list_add(&reading->values);
    if (value == NULL ||
        (*value = arena_string(&config->arena, event->text)) == NULL) {
        no_memory(reading);
    }
}

static void value_read(struct reading *reading, struct config_event *event)
{
    if (event->kind == CONFIG_EVENT_VALUE) {
        value_add(reading, event);
        free(event->text);
        return;
    }
    fail(reading, HP_WHEN_VALUE, event->place,
         "a value is %s: write one value, or a list of values",
         event->kind == CONFIG_EVENT_LIST ? "a list within a list"
                                          : "a mapping");
    config_events_skip(reading->mapping->loading->events, event);
}

/* One value, or a list of them. */
static void values_read(struct reading *reading)
{
    struct config_event event;
    struct config_events *events = reading->mapping->loading->events;
    config_events_next(events, &event);
    if (is_end(reading, &event)) {
        return;
    }
    if (event.kind != CONFIG_EVENT_LIST) {
        value_read(reading, &event);
        return;
    }
    const struct config_place place = event.place;
    size_t count = 0;
    for (;; count++) {
        config_events_next(events, &event);
        if (is_end(reading, &event)) {
            break;
        }
        value_read(reading, &event);
    }
    if (count == 0 && !reading->is_cut) {
        fail(reading, HP_WHEN_EMPTY, place,
             "a list of values is empty, so nothing would match: write one, or "
             "remove the key");
    }
}

/* Keys */

static const struct option_row *short_form_suggest(const char *key)
{
    static struct option_row rows[8];
    struct option_table table = {rows, 0};
    const char *name;
    while ((name = route_short_form(table.count)) != NULL) {
        rows[table.count++].name = name;
    }
    return option_table_suggest(&table, key);
}

static void key_fail(const struct reading *reading, const char *key,
                     struct config_place place, const struct reason *why)
{
    char quoted[CONFIG_SHOW_SIZE];
    const struct option_row *row =
        key[0] != '/' ? short_form_suggest(key) : NULL;
    if (row != NULL) {
        fail(reading, HP_WHEN_KEY, place,
             "unknown key %s: did you mean \"%s\"?", config_quote(key, quoted),
             row->name);
    } else {
        fail(reading, HP_WHEN_KEY, place, "%s", why->text);
    }
}

/* False if the key is unknown, malformed, or given twice. */
static bool key_check(const struct reading *reading,
                      const struct config_event *key)
{
    struct reason why;
    if (route_key_check(key->text, &why) != 0) {
        key_fail(reading, key->text, key->place, &why);
        return false;
    }
    for (size_t i = 0; i < reading->tests.count; i++) {
        const struct route_test *test = list_at(&reading->tests, i);
        if (strcmp(test->key, key->text) == 0) {
            const struct config_place *first = list_at(&reading->places, i);
            fail(reading, HP_KEY_TWICE, key->place,
                 "%s is already given in line %" PRIu32
                 ": write all its values as one list",
                 key->text, first->line); /* of the same mapping */
            return false;
        }
    }
    return true;
}

/* Reads the values of a key; takes its text. */
static void test_read(struct reading *reading, const struct config_event *key)
{
    struct config *config = reading->mapping->loading->config;
    bool is_sound = key_check(reading, key);
    struct route_test test = {.key = arena_string(&config->arena, key->text)};
    free(key->text);
    reading->values.count = 0;
    values_read(reading);
    test.value_count = reading->values.count;
    test.values = items_keep(reading, &reading->values);
    if (!is_sound) {
        return;
    }
    struct route_test *added = list_add(&reading->tests);
    struct config_place *place = list_add(&reading->places);
    if (added == NULL || place == NULL || test.key == NULL) {
        no_memory(reading);
        return;
    }
    *added = test;
    *place = key->place;
}

/* Alternatives */

/* Reads a mapping that has just started. */
static void alternative_read(struct reading *reading, struct config_place place)
{
    struct config_event key;
    struct config_loading *loading = reading->mapping->loading;
    reading->tests.count = 0;
    reading->places.count = 0;
    size_t count = 0;
    for (; !loading->has_no_memory; count++) {
        config_events_next(loading->events, &key);
        if (is_end(reading, &key)) {
            break;
        }
        if (key.kind == CONFIG_EVENT_VALUE) {
            test_read(reading, &key);
            continue;
        }
        fail(reading, HP_KEY_NOT_A_WORD, key.place,
             "a key is not a plain word: write KEY: VALUE");
        config_events_skip(loading->events, &key);
        config_events_next(loading->events, &key);
        config_events_skip(loading->events, &key);
    }
    if (count == 0 && !reading->is_cut) {
        fail(reading, HP_WHEN_EMPTY, place,
             "it is empty, so that everything would match: write KEY: VALUE, "
             "or remove when");
    }
    struct route_alternative *alternative = list_add(&reading->alternatives);
    if (alternative == NULL) {
        no_memory(reading);
        return;
    }
    alternative->count = reading->tests.count;
    alternative->tests = items_keep(reading, &reading->tests);
}

static void alternatives_read(struct reading *reading)
{
    struct config_event event;
    struct config_events *events = reading->mapping->loading->events;
    for (;;) {
        config_events_next(events, &event);
        if (is_end(reading, &event)) {
            return;
        }
        reading->number++;
        if (event.kind == CONFIG_EVENT_MAPPING) {
            alternative_read(reading, event.place);
            continue;
        }
        fail(reading, HP_ENTRY_SHAPE, event.place,
             "it is %s: write {POINTER: VALUE}, such as "
             "{/action: \"object:change\"}",
             event.kind == CONFIG_EVENT_LIST ? "a list" : "a single value");
        config_events_skip(events, &event);
    }
}

static void rules_keep(struct reading *reading)
{
    struct config *config = reading->mapping->loading->config;
    struct route_rules *rules = arena_bytes(&config->arena, sizeof *rules);
    if (rules == NULL) {
        no_memory(reading);
        return;
    }
    rules->count = reading->alternatives.count;
    rules->alternatives = items_keep(reading, &reading->alternatives);
    reading->pair->rules = reading->pair->is_bad ? NULL : rules;
}

void config_when_read(const struct config_mapping *mapping,
                      struct config_pair *pair, struct config_event *event)
{
    struct reading reading = {
        .mapping = mapping,
        .pair = pair,
        .alternatives.item_size = sizeof(struct route_alternative),
        .tests.item_size = sizeof(struct route_test),
        .places.item_size = sizeof(struct config_place),
        .values.item_size = sizeof(const char *),
    };
    if (event->kind == CONFIG_EVENT_MAPPING) {
        reading.number = 1;
        alternative_read(&reading, event->place);
    } else if (event->kind == CONFIG_EVENT_LIST) {
        alternatives_read(&reading);
    } else {
        config_events_skip(mapping->loading->events, event);
    }
    if (reading.number == 0 && !reading.is_cut) {
        pair->is_bad = true;
        config_mapping_fail(mapping, HP_WHEN_EMPTY, pair,
                            "when: it has no alternative: write {POINTER: "
                            "VALUE}, or a list of these, or remove it");
    }
    rules_keep(&reading);
    list_free(&reading.alternatives);
    list_free(&reading.tests);
    list_free(&reading.places);
    list_free(&reading.values);
}

/* Printing */

/* In quotes, unless it is a word that needs none anywhere in YAML. */
static void word_print(const char *word, FILE *file)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./~";
    if (word[strspn(word, plain)] == '\0') {
        fputs(word, file);
        return;
    }
    fputc('\'', file);
    for (; *word != '\0'; word++) {
        fputs(*word == '\'' ? "'" : "", file);
        fputc((unsigned char)*word < ' ' ? '?' : *word, file);
    }
    fputc('\'', file);
}

void config_when_print(const struct route_alternative *alternative, FILE *file)
{
    for (size_t i = 0; i < alternative->count; i++) {
        const struct route_test *test = &alternative->tests[i];
        bool is_list = test->value_count > 1;
        fputs(i == 0 ? "{" : ", ", file);
        word_print(test->key, file);
        fputs(is_list ? ": [" : ": ", file);
        for (size_t j = 0; j < test->value_count; j++) {
            fputs(j == 0 ? "" : ", ", file);
            word_print(test->values[j], file);
        }
        fputs(is_list ? "]" : "", file);
    }
    fputs("}\n", file);
}
