/*
 * config_read.c - reads the events of the file in one pass, from the outside
 * in.
 *
 *   - A mapping is read key by key. Values are kept as text, in pairs.
 *   - If a key has a list of mappings (servers, queues, inboxes, outlets) or a
 *     mapping (defaults), these are read immediately. So are the rules of an
 *     outlet (config_when.c).
 *   - At its end, everything about a mapping is known, including its name. Its
 *     section takes the values, and the pairs are freed.
 *
 * Only invalid YAML stops reading. Keys that are unknown or given twice, and
 * values of the wrong shape, are reported and skipped.
 */
#include <stdlib.h>
#include <string.h>

#include "config/config_environment.h"
#include "config/config_file.h"
#include "config/config_fleet.h"
#include "config/config_mapping.h"
#include "config/config_override.h"
#include "config/config_when.h"

static void mapping_read(struct config_mapping *mapping);

/* A key whose value consists of mappings. */
struct group {
    const char *name;        /* of the key */
    bool is_list;            /* a list of mappings, or a single one */
    enum config_level level; /* level of each */
};

static const struct group groups[] = {
    {"inboxes", true, LEVEL_INBOX},
    {"outlets", true, LEVEL_OUTLET},
    {"defaults", false, LEVEL_DEFAULTS},
    {"servers", true, LEVEL_SERVER},
    {"queues", true, LEVEL_QUEUE},
    {"admin", false, LEVEL_ADMIN},
    {"fleet", false, LEVEL_FLEET},
    {"environments", true, LEVEL_ENVIRONMENT},
};

static const struct group *group_of(const struct option_row *row)
{
    size_t i = 0;
    while (strcmp(groups[i].name, row->name) != 0) {
        i++;
    }
    return &groups[i];
}

static void section_begin(struct config_mapping *mapping)
{
    if (config_environment_of(mapping) != NULL) {
        return;
    }
    if (mapping->level == LEVEL_SERVER) {
        config_server_begin(mapping);
    } else if (mapping->level == LEVEL_TOP) {
        config_admin_begin(mapping->loading);
        config_fleet_begin(mapping->loading);
    }
}

static void section_take(const struct config_mapping *mapping)
{
    switch (mapping->level) {
    case LEVEL_TOP:
        config_top_take(mapping);
        break;
    case LEVEL_INCLUDED:    /* everything in it has been taken */
    case LEVEL_ENVIRONMENT: /* config_environment.c */
        break;
    case LEVEL_ADMIN:
        config_admin_take(mapping);
        break;
    case LEVEL_FLEET:
        config_fleet_take(mapping);
        break;
    case LEVEL_DEFAULTS:
        config_defaults_take(mapping);
        break;
    case LEVEL_INBOX:
        config_inbox_take(mapping);
        break;
    case LEVEL_OUTLET:
        config_outlet_take(mapping);
        break;
    case LEVEL_SERVER:
        config_server_take(mapping);
        break;
    default:
        config_queue_take(mapping);
    }
}

/* Takes what a mapping has said, and frees it. */
static void section_end(struct config_mapping *mapping)
{
    const struct config_loading *loading = mapping->loading;
    if (config_environment_of(mapping) != NULL) {
        config_environment_take(mapping);
    } else if (!loading->is_first_reading) {
        config_override_apply(mapping);
        if (!loading->has_no_memory) {
            section_take(mapping);
        }
    }
    config_mapping_end(mapping);
}

/* What the errors in a mapping concern. */
static struct config_scope scope_of(const struct config_mapping *mapping)
{
    if (config_environment_of(mapping) != NULL) {
        return (struct config_scope){CONFIG_SCOPE_FILE, 0};
    }
    switch (mapping->level) {
    case LEVEL_SERVER:
        return (struct config_scope){CONFIG_SCOPE_SERVER, mapping->draft};
    case LEVEL_QUEUE: /* whose draft is made at its end */
        return (struct config_scope){CONFIG_SCOPE_QUEUE,
                                     mapping->loading->queues.count};
    default:
        return (struct config_scope){CONFIG_SCOPE_FILE, 0};
    }
}

/* Reads a mapping that has just started. */
static void section_read(const struct config_mapping *outer,
                         enum config_level level, size_t index,
                         struct config_place place)
{
    struct config_mapping mapping = {
        .loading = outer->loading,
        .outer = outer,
        .level = level,
        .index = index,
        .place = place,
    };
    struct config_errors *errors = &mapping.loading->errors;
    const struct config_scope outer_scope = errors->scope;
    section_begin(&mapping);
    errors->scope = scope_of(&mapping);
    mapping_read(&mapping);
    section_end(&mapping);
    errors->scope = outer_scope;
}

static const char *shape_text(const struct config_event *event)
{
    switch (event->kind) {
    case CONFIG_EVENT_LIST:
        return "a list";
    case CONFIG_EVENT_MAPPING:
        return "a mapping";
    default:
        return event->text != NULL && event->text[0] == '\0' ? "empty"
                                                             : "a single value";
    }
}

/* An entry that should be a mapping. It is only skipped if it is a server or a
 * queue. */
static void entry_fail(const struct config_mapping *mapping,
                       const struct group *group, struct config_pair at,
                       size_t number, const struct config_event *event)
{
    struct config_errors *errors = &mapping->loading->errors;
    const struct config_scope outer_scope = errors->scope;
    if (group->level == LEVEL_SERVER || group->level == LEVEL_QUEUE) {
        errors->scope = (struct config_scope){CONFIG_SCOPE_ENTRY, 0};
    }
    at.place = event->place;
    config_mapping_fail(mapping, HP_ENTRY_SHAPE, &at,
                        "%s: entry %zu is %s: write \"- name: NAME\" and its "
                        "other keys below",
                        group->name, number, shape_text(event));
    errors->scope = outer_scope;
}

/* Reads the entries of a list that has just started; returns their number. */
static size_t entries_read(const struct config_mapping *mapping,
                           const struct group *group, struct config_pair at)
{
    struct config_event event;
    struct config_events *events = mapping->loading->events;
    for (size_t count = 0;; count++) {
        config_events_next(events, &event);
        if (event.kind == CONFIG_EVENT_LIST_END ||
            event.kind == CONFIG_EVENT_END) {
            return count;
        }
        if (event.kind == CONFIG_EVENT_MAPPING) {
            section_read(mapping, group->level, count, event.place);
            continue;
        }
        entry_fail(mapping, group, at, count + 1, &event);
        config_events_skip(events, &event);
    }
}

/* Reads the mappings of a key. Takes a copy of the pair, which may move. */
static void group_read(struct config_mapping *mapping, struct config_pair pair,
                       struct config_event *event)
{
    const struct group *group = group_of(pair.row);
    if (group->is_list && event->kind == CONFIG_EVENT_LIST) {
        pair.entry_count = entries_read(mapping, group, pair);
    } else if (!group->is_list && event->kind == CONFIG_EVENT_MAPPING) {
        section_read(mapping, group->level, 0, event->place);
    } else {
        pair.is_bad = true;
        config_mapping_fail(
            mapping, HP_VALUE_SHAPE, &pair, "%s: it is %s: %s", group->name,
            shape_text(event),
            group->is_list ? "write a list below, each entry beginning with "
                             "\"- name: NAME\""
                           : "write keys and values below, or leave it out");
        config_events_skip(mapping->loading->events, event);
    }
    *config_mapping_find(mapping, group->name) = pair;
}

/* Reads the value of a key; pair NULL: skips it. */
static void value_read(struct config_mapping *mapping, struct config_pair *pair)
{
    struct config_event event;
    struct config_loading *loading = mapping->loading;
    config_events_next(loading->events, &event);
    if (event.kind == CONFIG_EVENT_END) {
        return;
    }
    if (pair != NULL) {
        pair->value_place = event.place;
    }
    bool is_skipped = loading->is_first_reading &&
                      mapping->level == LEVEL_TOP && pair != NULL &&
                      strcmp(pair->row->name, "environments") != 0;
    if (pair == NULL || is_skipped) {
        config_events_skip(loading->events, &event);
    } else if (strcmp(pair->row->name, "include") == 0) {
        config_include_read(mapping, &event);
    } else if (strcmp(pair->row->name, "when") == 0) {
        config_when_read(mapping, pair, &event);
    } else if (strcmp(pair->row->name, "weights") == 0) {
        config_fleet_weights_read(mapping, pair, &event);
    } else if (pair->row->value == OPTION_GROUP) {
        group_read(mapping, *pair, &event);
    } else {
        config_pair_read(loading, pair, &event);
    }
}

/* Reads a mapping that has just started, up to its end. */
static void mapping_read(struct config_mapping *mapping)
{
    struct config_event key;
    struct config_loading *loading = mapping->loading;
    mapping->first = loading->pairs.count;
    while (!loading->has_no_memory) {
        struct config_pair *pair = NULL;
        config_events_next(loading->events, &key);
        if (key.kind == CONFIG_EVENT_MAPPING_END ||
            key.kind == CONFIG_EVENT_END) {
            return;
        }
        if (key.kind == CONFIG_EVENT_VALUE) {
            pair = config_mapping_add(mapping, key.text, key.place);
        } else {
            const struct config_pair at = {.place = key.place};
            config_mapping_fail(mapping, HP_KEY_NOT_A_WORD, &at,
                                "a key is not a plain word: write KEY: VALUE");
            config_events_skip(loading->events, &key);
        }
        value_read(mapping, pair);
    }
}

static bool is_empty(const struct config_event *event)
{
    return event->kind == CONFIG_EVENT_END ||
           (event->kind == CONFIG_EVENT_VALUE && event->text[0] == '\0');
}

/* Nothing needs to be in an included file. */
static void empty_take(const struct config_mapping *top)
{
    if (top->level == LEVEL_TOP) {
        config_errors_add(&top->loading->errors, HP_FILE_EMPTY,
                          (struct config_place){0},
                          "the file is empty: give it state_dir, inbox and "
                          "servers");
    }
}

void config_read(struct config_loading *loading, enum config_level level)
{
    struct config_event event;
    struct config_mapping top = {.loading = loading, .level = level};
    config_events_next(loading->events, &event);
    top.place = event.place;
    if (event.kind == CONFIG_EVENT_MAPPING) {
        section_begin(&top);
        mapping_read(&top);
        section_end(&top);
    } else if (is_empty(&event)) {
        empty_take(&top);
        free(event.text);
    } else {
        config_mapping_fail(
            &top, HP_FILE_NOT_MAPPING, NULL,
            "the file is %s: give it the keys %s", shape_text(&event),
            level == LEVEL_TOP ? "state_dir, inbox and servers"
                               : "inboxes, outlets and servers");
        config_events_skip(loading->events, &event);
    }
    /* Only the end of the file may follow; a second document is an error. */
    config_events_next(loading->events, &event);
}
