/*
 * replay_command.c - sends messages to an outlet again, and shows and stops
 * replays.
 *
 *   - The inbox is read for the first and the last message in question; with
 *     --dry-run also for their number, and that is all.
 *   - The process that uses the inbox records the replay (task_command.h), and
 *     its outlet carries it out; if no process runs, the next one does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "daemon/command.h"
#include "daemon/commands/selection.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/table.h"
#include "inbox/inbox_view.h"
#include "outlets/preview.h"

#define USAGE                                                                \
    "replay takes --outlet and --since, to start one; list; or stop and the" \
    " number of a replay"

static const struct table_column columns[] = {
    {"REPLAY", true, 0},    {"OUTLET", false, 8},  {"STATE", false, 0},
    {"DELIVERED", true, 0}, {"REFUSED", true, 0},  {"AT", true, 0},
    {"END", true, 0},       {"STARTED", false, 0}, {"REASON", false, 16},
};

struct replay {
    struct config *config;      /* owned */
    struct selection selection; /* which messages, or replays */
    bool is_json;               /* lines of JSON instead of a table */
    struct table table;         /* list: a row for each */
    uint64_t count;             /* of messages, so far */
    struct preview *preview;    /* of the outlet; for --dry-run */
    bool is_out_of_memory;      /* it could not be asked */
    struct json_writer json;    /* list: a line of it; owned */
    const char *inbox;          /* list: the inbox that is read */
};

static enum exit_code misused(const char *text)
{
    log_line(LOG_LEVEL_ERROR, "%s", text);
    return EXIT_CODE_USAGE;
}

/* list */

static void print_json(struct json_writer *json, const struct inbox_replay *row)
{
    json_object(json, NULL);
    json_count(json, "replay", row->id);
    json_text(json, "outlet", row->outlet);
    json_text(json, "queue", row->queue);
    json_text(json, "messages", row->is_of_letters ? "dead letters" : "all");
    json_bool(json, "new_identity", row->has_new_ids);
    json_text(json, "state", inbox_replay_state_name(row));
    json_count(json, "delivered", row->delivered_count);
    json_count(json, "refused", row->refused_count);
    json_count(json, "cursor", row->cursor);
    json_count(json, "last", row->last);
    json_time(json, "created_at", row->created_at_ms);
    json_time(json, "changed_at", row->changed_at_ms);
    json_text(json, "reason", row->why.text);
    json_object_end(json);
    json_end_line(json);
}

static bool list_row(const struct inbox_replay *row, void *data)
{
    struct replay *replay = data;
    struct table *table = &replay->table;
    if (replay->is_json) {
        print_json(&replay->json, row);
        return json_writer_print(&replay->json, stdout) == 0;
    }
    table_format(table, TERMINAL_PLAIN, "%" PRIu64, row->id);
    table_text(table, TERMINAL_PLAIN, row->outlet);
    table_text(table, TERMINAL_PLAIN, inbox_replay_state_name(row));
    table_count(table, row->delivered_count, TERMINAL_PLAIN);
    table_count(table, row->refused_count, TERMINAL_WARNING);
    table_count(table, row->cursor, TERMINAL_PLAIN);
    table_count(table, row->last, TERMINAL_PLAIN);
    table_time(table, row->created_at_ms);
    table_text(table, TERMINAL_PLAIN, row->why.text);
    return true;
}

/* Views one inbox; logs an error. */
static enum exit_code view_inbox(const struct config_inbox *inbox,
                                 const struct inbox_view *view)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (inbox_view(inbox->type, inbox->options, view, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: %s", inbox->name, why);
        return EXIT_CODE_FAILED;
    }
    return EXIT_CODE_FINE;
}

static enum exit_code list(struct replay *replay)
{
    const struct config *config = replay->config;
    const struct inbox_view view = {
        .filter = replay->selection.filter,
        .replay_cb = list_row,
        .data = replay,
    };
    struct terminal terminal;
    enum exit_code code = EXIT_CODE_FINE;
    terminal_init(&terminal, stdout);
    table_init(&replay->table, &terminal, columns,
               sizeof columns / sizeof *columns);
    for (size_t i = 0; i < config->inbox_count && code == EXIT_CODE_FINE; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        if (replay->selection.inbox == NULL ||
            replay->selection.inbox == inbox) {
            code = view_inbox(inbox, &view);
        }
    }
    if (replay->json.is_failed) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        code = EXIT_CODE_FAILED;
    }
    json_writer_free(&replay->json);
    config_free(replay->config);
    return code;
}

/* stop */

static enum exit_code stop(struct replay *replay, const char *number)
{
    struct task_request request;
    uint64_t id;
    if (count_parse(number, &id) != 0 || id == 0) {
        config_free(replay->config);
        return misused(USAGE);
    }
    if (selection_request(&replay->selection, replay->config, &request) != 0) {
        config_free(replay->config);
        return EXIT_CODE_USAGE;
    }
    request.kind = INBOX_TASK_REPLAY_STOP;
    request.replay_id = id;
    return task_command(replay->config, &request);
}

/* Starting one */

static bool count_message(const struct inbox_message *message, void *data)
{
    struct replay *replay = data;
    int result = preview_accepts(replay->preview, message);
    replay->is_out_of_memory |= result < 0;
    replay->count += result == 1;
    return result >= 0;
}

/* Sets *first and *last; 0: there are no messages. */
static enum exit_code find_range(struct replay *replay, bool is_counting,
                                 uint64_t *first, uint64_t *last)
{
    const struct config_outlet *outlet = replay->selection.outlet;
    const struct inbox_view view = {
        .filter = replay->selection.filter,
        .message_cb = is_counting ? count_message : NULL,
        .data = replay,
        .first = first,
        .last = last,
    };
    replay->preview = preview_new(&outlet->forward);
    replay->is_out_of_memory = replay->preview == NULL;
    enum exit_code code = EXIT_CODE_FAILED;
    if (!replay->is_out_of_memory) {
        code = view_inbox(outlet->inbox, &view);
        preview_free(replay->preview);
    }
    if (replay->is_out_of_memory) {
        log_line(LOG_LEVEL_ERROR, "out of memory");
        code = EXIT_CODE_FAILED;
    }
    return code;
}

static enum exit_code start(struct replay *replay,
                            const struct command_options *options)
{
    struct task_request request;
    enum exit_code code = EXIT_CODE_USAGE;
    if (replay->selection.outlet == NULL) {
        command_outlet_missing(replay->config, options->outlet);
    } else if (selection_request(&replay->selection, replay->config,
                                 &request) == 0) {
        request.kind = INBOX_TASK_REPLAY_START;
        request.has_new_ids = options->has_new_ids;
        code = find_range(replay, options->is_dry_run, &request.first,
                          &request.last);
    }
    if (code != EXIT_CODE_FINE) {
        config_free(replay->config);
        return code;
    }
    if (options->is_dry_run || request.first == 0) {
        log_line(LOG_LEVEL_INFO, "outlet %s: messages to be sent again: %llu",
                 options->outlet, (unsigned long long)replay->count);
        config_free(replay->config);
        return EXIT_CODE_FINE;
    }
    return task_command(replay->config, &request);
}

/* The command */

enum exit_code command_replay(const struct command_options *options)
{
    struct replay replay = {.is_json = options->is_json};
    bool is_stop = strcmp(options->word, "stop") == 0;
    bool is_list = strcmp(options->word, "list") == 0;
    log_open(options->is_verbose, false);
    if (!is_stop && !is_list &&
        (options->outlet == NULL || options->since == NULL)) {
        return misused(USAGE);
    }
    enum exit_code code =
        command_load_config(options, CONFIG_RUN, &replay.config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (selection_read(&replay.selection, replay.config, options) != 0) {
        config_free(replay.config);
        return EXIT_CODE_USAGE;
    }
    return is_list   ? list(&replay)
           : is_stop ? stop(&replay, options->arguments[0])
                     : start(&replay, options);
}
