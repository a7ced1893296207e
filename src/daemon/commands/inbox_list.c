/*
 * inbox_list.c - `inbox list`: how much is in each inbox, and how far each
 * outlet has got that has forwarded from it or is configured to. An inbox that
 * cannot be read is reported, and the others follow; the exit code tells.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/commands/inbox_reading.h"
#include "daemon/text/human.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/table.h"

static const struct table_column inbox_columns[] = {
    {"INBOX", false, 0},   {"TYPE", false, 0}, {"PLACE", false, 8},
    {"MESSAGES", true, 0}, {"SIZE", true, 0},  {"OLDEST", false, 0},
    {"NEWEST", false, 0},
};

static const struct table_column outlet_columns[] = {
    {"OUTLET", false, 12},  {"INBOX", false, 0}, {"PENDING", true, 0},
    {"HELD UP", true, 0},   {"DEAD", true, 0},   {"OLDEST PENDING", false, 0},
    {"PROGRESS", false, 8},
};

/* All that the command knows. */
struct list {
    struct inbox_reading reading; /* which inboxes */
    bool is_json;                 /* lines of JSON instead of tables */
    struct table inboxes;         /* printed at once */
    struct table outlets;         /* printed below it */
    struct json_writer json;      /* the line of the current inbox */
    bool *is_seen;                /* of each outlet of the configuration */
    uint64_t count;               /* of messages in the current inbox */
    uint64_t oldest_ms;           /* receipt of the oldest of them; 0: none */
    enum exit_code code;          /* result so far */
};

static void put_size(struct list *list, uint64_t bytes)
{
    char text[HUMAN_TEXT_SIZE];
    if (list->inboxes.terminal.is_terminal) {
        table_text(&list->inboxes, TERMINAL_PLAIN, human_bytes(bytes, text));
    } else {
        table_count(&list->inboxes, bytes, TERMINAL_PLAIN);
    }
}

static void on_summary(const struct inbox_summary *summary, void *data)
{
    struct list *list = data;
    const struct config_inbox *inbox = list->reading.inbox;
    struct json_writer *json = &list->json;
    list->count = summary->count;
    list->oldest_ms = summary->oldest_ms;
    if (!list->is_json) {
        table_text(&list->inboxes, TERMINAL_PLAIN, inbox->name);
        table_text(&list->inboxes, TERMINAL_PLAIN, inbox->type->name);
        table_text(&list->inboxes, TERMINAL_PLAIN, inbox_reading_place(inbox));
        table_count(&list->inboxes, summary->count, TERMINAL_PLAIN);
        put_size(list, summary->bytes);
        table_time(&list->inboxes, summary->oldest_ms);
        table_time(&list->inboxes, summary->newest_ms);
        return;
    }
    json_object(json, NULL);
    json_text(json, "name", inbox->name);
    json_text(json, "type", inbox->type->name);
    json_text(json, "place", inbox_reading_place(inbox));
    json_text(json, "uuid", summary->uuid);
    json_time(json, "created_at", summary->created_at_ms);
    json_count(json, "messages", summary->count);
    json_count(json, "size_bytes", summary->bytes);
    json_time(json, "oldest_at", summary->oldest_ms);
    json_time(json, "newest_at", summary->newest_ms);
    json_array(json, "outlets");
}

/* An outlet of the inbox that is being read, or NULL. */
static const struct config_outlet *find_outlet(const struct list *list,
                                               const char *name)
{
    const struct config *config = list->reading.config;
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        if (outlet->inbox == list->reading.inbox &&
            strcmp(outlet->forward.name, name) == 0) {
            return outlet;
        }
    }
    return NULL;
}

static void put_outlet_json(struct json_writer *json,
                            const struct inbox_outlet_survey *row,
                            bool is_configured, bool has_begun)
{
    json_object(json, NULL);
    json_text(json, "name", row->name);
    json_bool(json, "configured", is_configured);
    json_bool(json, "begun", has_begun);
    if (row->cursor > 0) {
        json_count(json, "cursor", row->cursor);
    } else {
        json_null(json, "cursor");
    }
    json_count(json, "lag_messages", row->pending_count);
    json_count(json, "deferred_messages", row->deferred_count);
    json_time(json, "oldest_pending_at", row->oldest_pending_ms);
    json_count(json, "dead_letters", row->letter_count);
    json_object_end(json);
}

static void put_progress(struct table *table,
                         const struct inbox_outlet_survey *row,
                         bool is_configured, bool has_begun)
{
    if (!has_begun) {
        table_text(table, TERMINAL_DIM, "new");
    } else if (!is_configured) {
        table_text(table, TERMINAL_WARNING, "not configured");
    } else if (row->pending_count == 0) {
        table_text(table, TERMINAL_GOOD, "caught up");
    } else if (row->cursor > 0) {
        table_format(table, TERMINAL_PLAIN, "passed to %" PRIu64, row->cursor);
    } else {
        table_text(table, TERMINAL_PLAIN, "behind");
    }
}

static void put_outlet(struct list *list, const struct inbox_outlet_survey *row,
                       bool is_configured, bool has_begun)
{
    struct table *table = &list->outlets;
    if (list->is_json) {
        put_outlet_json(&list->json, row, is_configured, has_begun);
        return;
    }
    table_text(table, TERMINAL_PLAIN, row->name);
    table_text(table, TERMINAL_PLAIN, list->reading.inbox->name);
    table_count(table, row->pending_count, TERMINAL_PLAIN);
    table_count(table, row->deferred_count, TERMINAL_WARNING);
    table_count(table, row->letter_count, TERMINAL_WARNING);
    table_time(table, row->oldest_pending_ms);
    put_progress(table, row, is_configured, has_begun);
}

static bool on_outlet(const struct inbox_outlet_survey *row, void *data)
{
    struct list *list = data;
    const struct config_outlet *outlet = find_outlet(list, row->name);
    if (outlet != NULL) {
        list->is_seen[outlet - list->reading.config->outlets] = true;
    }
    put_outlet(list, row, outlet != NULL, true);
    return true;
}

/* Those that are configured and have forwarded nothing yet. */
static void put_new_outlets(struct list *list)
{
    const struct config *config = list->reading.config;
    for (size_t i = 0; i < config->outlet_count; i++) {
        const struct config_outlet *outlet = &config->outlets[i];
        if (outlet->inbox != list->reading.inbox || list->is_seen[i]) {
            continue;
        }
        const struct inbox_outlet_survey row = {
            .name = outlet->forward.name,
            .pending_count = list->count,
            .oldest_pending_ms = list->oldest_ms,
        };
        put_outlet(list, &row, true, false);
    }
}

static void list_inbox(struct list *list)
{
    const struct inbox_view view = {
        .summary_cb = on_summary,
        .outlet_cb = on_outlet,
        .data = list,
    };
    enum exit_code code = inbox_reading_view(&list->reading, &view);
    list->code = exit_code_worse(list->code, code);
    if (code != EXIT_CODE_FINE) {
        json_writer_free(&list->json); /* the line is incomplete */
        return;
    }
    put_new_outlets(list);
    if (list->is_json) {
        json_array_end(&list->json);
        json_object_end(&list->json);
        json_end_line(&list->json);
        if (json_writer_print(&list->json, stdout) != 0) {
            list->code = exit_code_worse(list->code, inbox_reading_no_memory());
        }
    }
}

static void list_all(struct list *list)
{
    struct terminal terminal;
    terminal_init(&terminal, stdout);
    table_init(&list->inboxes, &terminal, inbox_columns,
               sizeof inbox_columns / sizeof *inbox_columns);
    /* Kept until the end even where rows are printed at once. */
    char *text = NULL;
    size_t size;
    terminal.out = open_memstream(&text, &size);
    if (terminal.out == NULL) {
        list->code = inbox_reading_no_memory();
        return;
    }
    table_init(&list->outlets, &terminal, outlet_columns,
               sizeof outlet_columns / sizeof *outlet_columns);
    while (inbox_reading_next(&list->reading)) {
        list_inbox(list);
    }
    bool has_both = list->outlets.cell_count > 0;
    if (table_end(&list->inboxes) != 0 || table_end(&list->outlets) != 0 ||
        fclose(terminal.out) != 0) {
        list->code = exit_code_worse(list->code, inbox_reading_no_memory());
    }
    printf("%s%s", has_both ? "\n" : "", text);
    free(text);
}

enum exit_code command_inbox_list(const struct command_options *options)
{
    struct list list = {.is_json = options->is_json};
    enum exit_code code = inbox_reading_open(&list.reading, options);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    list.is_seen =
        calloc(list.reading.config->outlet_count + 1, sizeof *list.is_seen);
    if (list.is_seen == NULL) {
        list.code = inbox_reading_no_memory();
    } else {
        list_all(&list);
    }
    free(list.is_seen);
    json_writer_free(&list.json);
    inbox_reading_close(&list.reading);
    return list.code;
}
