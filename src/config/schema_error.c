#include "config/schema_error.h"

#include <stdio.h>
#include <string.h>

#include "config/api_key.h"
#include "config/option.h"

#define WHERE_SIZE (2 * CONFIG_SHOW_SIZE + 16)

/* The place that the steps lead to. */
struct place {
    const struct config_lines *lines; /* */
    int node;                         /* */
    int mapping;                      /* that holds the last field taken */
    int line;                         /* */
    enum option_level level;          /* of the mapping it is in */
    const char *field;                /* the last one taken, or "" */
    size_t entry;                     /* of it, counted from 1, or 0 */
    char server[CONFIG_SHOW_SIZE];    /* its name */
    char where[WHERE_SIZE];           /* "server example: " */
};

/* What follows prefix in line, or NULL. */
static const char *line_after(const char *line, const char *prefix)
{
    size_t size = strlen(prefix);
    return strncmp(line, prefix, size) == 0 ? line + size : NULL;
}

void schema_error_collect(struct schema_error *error, const char *line)
{
    struct schema_step step = {.entry = 0};
    if (line_after(line, "Load: Backtrace") != NULL) {
        return;
    }
    const char *what = line_after(line, "Load: ");
    if (what != NULL && error->what[0] == '\0') {
        snprintf(error->what, sizeof error->what, "%s", what);
        error->what[strcspn(error->what, "\n")] = '\0';
    }
    if (error->depth < SCHEMA_ERROR_DEPTH_MAX &&
        (sscanf(line, " in mapping field '%63[^']'", step.field) == 1 ||
         sscanf(line, " in sequence entry '%zu'", &step.entry) == 1)) {
        error->steps[error->depth++] = step;
    }
}

/* The node is a mapping that an error is in: says which. */
static void mapping_enter(struct place *place)
{
    const char *list = place->entry > 0 ? place->field : "";
    char name[CONFIG_SHOW_SIZE];
    const char *text = config_lines_text(
        place->lines, config_lines_find(place->lines, place->node, "name", 0));
    snprintf(name, sizeof name, "%zu", place->entry);
    if (strcmp(place->field, "defaults") == 0) {
        place->level = LEVEL_DEFAULTS;
        snprintf(place->where, sizeof place->where, "defaults: ");
    }
    if (text != NULL) {
        config_show(text, name);
    }
    if (strcmp(list, "sinks") == 0) {
        place->level = LEVEL_SINK;
        snprintf(place->where, sizeof place->where, "sink %s: ", name);
    } else if (strcmp(list, "servers") == 0) {
        place->level = LEVEL_SERVER;
        snprintf(place->server, sizeof place->server, "%s", name);
        snprintf(place->where, sizeof place->where, "server %s: ", name);
    } else if (strcmp(list, "queues") == 0) {
        place->level = LEVEL_QUEUE;
        snprintf(place->where, sizeof place->where,
                 "queue %s/%s: ", place->server, name);
    }
}

static void step_take(struct place *place, const struct schema_step *step)
{
    if (step->field[0] != '\0') {
        mapping_enter(place);
        place->mapping = place->node;
        place->line =
            config_lines_of_key(place->lines, place->node, step->field, 0);
        place->node =
            config_lines_find(place->lines, place->node, step->field, 0);
        place->field = step->field;
        place->entry = 0;
    } else {
        place->entry = step->entry;
        place->node = config_lines_item(place->lines, place->node,
                                        step->entry > 0 ? step->entry - 1 : 0);
        place->line = config_lines_of(place->lines, place->node);
    }
}

static int unknown_print(struct place *place, const char *key,
                         struct config_errors *errors)
{
    char quoted[CONFIG_SHOW_SIZE];
    mapping_enter(place);
    int line = config_lines_of_key(place->lines, place->node, key, 0);
    if (api_key_is_like(key)) {
        return config_errors_add(errors, line,
                                 "%sunknown key: it looks like an API key: "
                                 "put that into a file, and the file's path "
                                 "into api_key_file",
                                 place->where);
    }
    config_quote(key, quoted);
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        if (strcmp(option_table[id].name, key) == 0) {
            /* Only "name" has several homes. */
            return config_errors_add(
                errors, line, "%s%s cannot stand here: it belongs to %s",
                place->where, quoted,
                strcmp(key, "name") == 0
                    ? "a sink, a server or a queue"
                    : option_level_text(option_table[id].home));
        }
    }
    if (strcmp(key, "<<") == 0) {
        return config_errors_add(errors, line,
                                 "%sunknown key %s: merge keys are not known; "
                                 "use defaults",
                                 place->where, quoted);
    }
    const struct option_row *row = option_suggest(key, place->level);
    if (row != NULL) {
        return config_errors_add(errors, line,
                                 "%sunknown key %s: did you mean \"%s\"?",
                                 place->where, quoted, row->name);
    }
    return config_errors_add(errors, line,
                             "%sunknown key %s: see haplo-poll help config",
                             place->where, quoted);
}

static const char *event_text(const struct place *place, const char *event)
{
    const char *text = config_lines_text(place->lines, place->node);
    if (strcmp(event, "SEQUENCE_START") == 0) {
        return "a list";
    }
    if (strcmp(event, "MAPPING_START") == 0) {
        return "a mapping";
    }
    return text != NULL && text[0] == '\0' ? "empty" : "a single value";
}

/* A list, a mapping or a single value where another of them belongs. */
static int shape_print(const struct place *place, const char *expected,
                       const char *event, struct config_errors *errors)
{
    const char *got = event_text(place, event);
    if (place->field[0] == '\0') {
        return config_errors_add(errors, place->line,
                                 "the file is %s: give it the keys "
                                 "state_dir, sinks and servers",
                                 got);
    }
    if (place->entry > 0) {
        return config_errors_add(errors, place->line,
                                 "%s%s: entry %zu is %s: write \"- name: "
                                 "NAME\" and its other keys below",
                                 place->where, place->field, place->entry, got);
    }
    const char *advice = "write one value";
    if (strcmp(expected, "SEQUENCE") == 0) {
        advice = "write a list below, each entry beginning with \"- name: "
                 "NAME\"";
    } else if (strcmp(expected, "MAPPING") == 0) {
        advice = "write keys and values below, or leave it out";
    }
    return config_errors_add(errors, place->line, "%s%s: it is %s: %s",
                             place->where, place->field, got, advice);
}

int schema_error_print(const struct schema_error *error,
                       const struct config_lines *lines,
                       struct config_errors *errors)
{
    char expected[32];
    char event[32];
    int root = config_lines_root(lines);
    struct place place = {
        .lines = lines,
        .node = root,
        .line = config_lines_of(lines, root),
        .level = LEVEL_TOP,
        .field = "",
    };
    for (size_t i = error->depth; i > 0; i--) {
        step_take(&place, &error->steps[i - 1]);
    }
    const char *unknown = line_after(error->what, "Unexpected key: ");
    const char *twice = line_after(error->what, "Mapping field already seen: ");
    if (unknown != NULL) {
        return unknown_print(&place, unknown, errors);
    }
    if (twice != NULL) {
        return config_errors_add(
            errors, config_lines_of_key(lines, place.mapping, twice, 1),
            "%s%s: it is given already in line %d: remove one of them",
            place.where, twice,
            config_lines_of_key(lines, place.mapping, twice, 0));
    }
    if (sscanf(error->what, "Expecting %31[A-Z], got event: %31[A-Z_]",
               expected, event) == 2) {
        return shape_print(&place, expected, event, errors);
    }
    return config_errors_add(errors, place.line,
                             "%s%s: see haplo-poll help config", place.where,
                             error->what);
}
