#include "daemon/commands/status_cells.h"

#include <string.h>

#include "daemon/text/human.h"

enum terminal_style status_style(const char *health)
{
    static const struct {
        const char *health;
        enum terminal_style style;
    } styles[] = {
        {"ok", TERMINAL_GOOD},         {"paused", TERMINAL_DIM},
        {"failing", TERMINAL_WARNING}, {"refused", TERMINAL_BAD},
        {"blocked", TERMINAL_BAD},     {"held", TERMINAL_BAD},
        {"not_tried", TERMINAL_DIM},   {"elsewhere", TERMINAL_DIM},
    };
    for (size_t i = 0; health != NULL && i < sizeof styles / sizeof *styles;
         i++) {
        if (strcmp(styles[i].health, health) == 0) {
            return styles[i].style;
        }
    }
    return TERMINAL_PLAIN;
}

void status_put_text(struct table *table, const struct json_tree *item,
                     const char *name)
{
    const char *text = json_tree_text(item, name);
    table_text(table, TERMINAL_PLAIN, text != NULL ? text : "");
}

void status_put_state(struct table *table, const struct json_tree *item,
                      const char *name)
{
    const char *text = json_tree_text(item, name);
    table_text(table, status_style(json_tree_text(item, "health")),
               text != NULL ? text : "?");
}

static bool is_elsewhere(const struct json_tree *item)
{
    const char *health = json_tree_text(item, "health");
    return health != NULL && strcmp(health, "elsewhere") == 0;
}

void status_put_cause(struct table *table, const struct json_tree *item)
{
    const struct json_tree *pause = json_tree_member(item, "pause");
    const char *by = json_tree_text(pause, "by");
    const char *reason = json_tree_text(pause, "reason");
    const char *host = json_tree_text(item, "polled_by");
    if (is_elsewhere(item)) {
        table_format(table, TERMINAL_PLAIN, "polled by %s",
                     host != NULL ? host : "nobody just now");
    } else if (by == NULL) {
        status_put_text(table, item, "cause");
    } else if (reason == NULL) {
        table_format(table, TERMINAL_PLAIN, "paused by %s", by);
    } else {
        table_format(table, TERMINAL_PLAIN, "paused by %s: %s", by, reason);
    }
}

/* Null and a duration of 0 look alike in a tree of numbers. */
static bool is_known(const struct json_tree *item, const char *name)
{
    return json_tree_is_number(json_tree_member(item, name));
}

void status_put_number(struct table *table, const struct json_tree *item,
                       const char *name)
{
    if (is_known(item, name)) {
        table_count(table, json_tree_count(item, name), TERMINAL_PLAIN);
    } else {
        table_text(table, TERMINAL_PLAIN, "-");
    }
}

void status_put_duration(struct table *table, const struct json_tree *item,
                         const char *name)
{
    char text[HUMAN_TEXT_SIZE];
    uint64_t ms = json_tree_duration(item, name);
    if (!is_known(item, name)) {
        table_text(table, TERMINAL_PLAIN, "-");
    } else if (table->terminal.is_terminal) {
        table_text(table, TERMINAL_PLAIN, human_duration(ms, text));
    } else {
        table_format(table, TERMINAL_PLAIN, "%.3f", (double)ms / 1000);
    }
}

static void put_between(struct table *table, uint64_t at_ms, uint64_t from_ms,
                        uint64_t to_ms)
{
    char text[HUMAN_TEXT_SIZE];
    if (at_ms == 0 || !table->terminal.is_terminal) {
        table_time(table, at_ms);
    } else {
        table_text(table, TERMINAL_PLAIN,
                   human_duration(to_ms > from_ms ? to_ms - from_ms : 0, text));
    }
}

void status_put_since(struct table *table, const struct json_tree *item,
                      const char *name, uint64_t now_ms)
{
    uint64_t at_ms = json_tree_time(item, name);
    put_between(table, at_ms, at_ms, now_ms);
}

void status_put_until(struct table *table, const struct json_tree *item,
                      const char *name, uint64_t now_ms)
{
    uint64_t at_ms = json_tree_time(item, name);
    put_between(table, at_ms, now_ms, at_ms);
}
