/*
 * inbox_count.c - `inbox count`: how many messages there are of each queue, of
 * those that the options select.
 */
#include <inttypes.h>

#include "daemon/commands/inbox_reading.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/table.h"

static const struct table_column queue_columns[] = {
    {"QUEUE", false, 12}, {"INBOX", false, 0},   {"MESSAGES", true, 0},
    {"BATCHES", true, 0}, {"UNMARKED", true, 0}, {"OLDEST", false, 0},
    {"NEWEST", false, 0},
};

struct counting {
    struct inbox_reading reading; /* which messages */
    bool is_json;                 /* lines of JSON instead of a table */
    struct table table;           /* a row for each queue */
    struct json_writer json;      /* the line of one */
    uint64_t queue_count;         /* rows so far */
    uint64_t count;               /* of messages */
    bool is_failed;               /* not everything could be written */
};

static void put_queue_json(struct counting *counting,
                           const struct inbox_queue_survey *row)
{
    struct json_writer *json = &counting->json;
    json_object(json, NULL);
    json_text(json, "inbox", counting->reading.inbox->name);
    json_text(json, "server", row->server);
    json_text(json, "queue", row->queue);
    json_count(json, "messages", row->count);
    json_count(json, "batches", row->batch_count);
    json_count(json, "unmarked_batches", row->unmarked_count);
    json_time(json, "oldest_at", row->oldest_ms);
    json_time(json, "newest_at", row->newest_ms);
    json_object_end(json);
    json_end_line(json);
    counting->is_failed |= json_writer_print(json, stdout) != 0;
}

static bool on_queue(const struct inbox_queue_survey *row, void *data)
{
    struct counting *counting = data;
    struct table *table = &counting->table;
    counting->queue_count++;
    counting->count += row->count;
    if (counting->is_json) {
        put_queue_json(counting, row);
        return !counting->is_failed;
    }
    table_format(table, TERMINAL_PLAIN, "%s/%s", row->server, row->queue);
    table_text(table, TERMINAL_PLAIN, counting->reading.inbox->name);
    table_count(table, row->count, TERMINAL_PLAIN);
    table_count(table, row->batch_count, TERMINAL_PLAIN);
    table_count(table, row->unmarked_count, TERMINAL_WARNING);
    table_time(table, row->oldest_ms);
    table_time(table, row->newest_ms);
    return true;
}

/* For people: scripts add up by themselves. */
static void put_total(struct counting *counting)
{
    if (!counting->is_json && counting->table.terminal.is_terminal) {
        printf("%" PRIu64 " messages of %" PRIu64 " queue%s\n", counting->count,
               counting->queue_count, counting->queue_count == 1 ? "" : "s");
    }
}

enum exit_code command_inbox_count(const struct command_options *options)
{
    struct counting counting = {.is_json = options->is_json};
    struct terminal terminal;
    enum exit_code code = inbox_reading_open(&counting.reading, options);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    const struct inbox_view view = {
        .filter = counting.reading.selection.filter,
        .queue_cb = on_queue,
        .data = &counting,
    };
    terminal_init(&terminal, stdout);
    table_init(&counting.table, &terminal, queue_columns,
               sizeof queue_columns / sizeof *queue_columns);
    while (inbox_reading_next(&counting.reading)) {
        code =
            exit_code_worse(code, inbox_reading_view(&counting.reading, &view));
    }
    counting.is_failed |= table_end(&counting.table) != 0;
    put_total(&counting);
    json_writer_free(&counting.json);
    inbox_reading_close(&counting.reading);
    return counting.is_failed ? exit_code_worse(code, inbox_reading_no_memory())
                              : code;
}
