/*
 * dead_letters_command.c - what operators do with messages that an outlet has
 * refused for good.
 *
 *   - list and show read the inbox directly, next to the process that uses it.
 *   - replay and purge are work for that process: see task_command.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/command.h"
#include "daemon/commands/selection.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/table.h"
#include "inbox/inbox_view.h"
#include "outlets/message_id.h"

static const struct table_column columns[] = {
    {"ARRIVAL", true, 0}, {"REFUSED", false, 0}, {"ATTEMPTS", true, 0},
    {"OUTLET", false, 8}, {"QUEUE", false, 12},  {"REASON", false, 16},
};

/* All that the command knows. */
struct letters {
    struct config *config;      /* owned */
    struct selection selection; /* which */
    bool is_json;               /* lines of JSON instead of a table */
    struct json_writer json;    /* a line of it; owned */
    struct table table;         /* list: a row for each */
    uint64_t count;             /* of rows so far */
};

/* Reading */

/* Calls letter_cb for each dead letter that is selected, in all inboxes. */
static enum exit_code read_all(struct letters *letters,
                               inbox_letter_cb letter_cb)
{
    const struct config *config = letters->config;
    const struct inbox_view view = {
        .filter = letters->selection.filter,
        .letter_cb = letter_cb,
        .data = letters,
    };
    char why[HAPLO_TEXT_SIZE_MAX];
    for (size_t i = 0; i < config->inbox_count; i++) {
        const struct config_inbox *inbox = &config->inboxes[i];
        if ((letters->selection.inbox == NULL ||
             letters->selection.inbox == inbox) &&
            inbox_view(inbox->type, inbox->options, &view, why, sizeof why) !=
                0) {
            log_line(LOG_LEVEL_ERROR, "inbox %s: %s", inbox->name, why);
            return EXIT_CODE_FAILED;
        }
    }
    return EXIT_CODE_FINE;
}

static bool count_letter(const struct inbox_letter *letter, void *data)
{
    struct letters *letters = data;
    (void)letter;
    letters->count++;
    return true;
}

/* list */

static void print_json(struct json_writer *json,
                       const struct inbox_letter *letter)
{
    json_object(json, NULL);
    json_count(json, "arrival", letter->message.arrival);
    json_text(json, "outlet", letter->outlet);
    json_text(json, "server", letter->message.server);
    json_text(json, "queue", letter->message.queue);
    json_time(json, "refused_at", letter->at_ms);
    json_count(json, "attempts", letter->attempts);
    json_text(json, "reason", letter->why);
    json_object_end(json);
    json_end_line(json);
}

static bool list_letter(const struct inbox_letter *letter, void *data)
{
    struct letters *letters = data;
    struct table *table = &letters->table;
    if (letters->is_json) {
        print_json(&letters->json, letter);
        return json_writer_print(&letters->json, stdout) == 0;
    }
    table_format(table, TERMINAL_PLAIN, "%" PRIu64, letter->message.arrival);
    table_time(table, letter->at_ms);
    table_count(table, letter->attempts, TERMINAL_PLAIN);
    table_text(table, TERMINAL_PLAIN, letter->outlet);
    table_format(table, TERMINAL_PLAIN, "%s/%s", letter->message.server,
                 letter->message.queue);
    table_text(table, TERMINAL_PLAIN, letter->why);
    return true;
}

static enum exit_code list(struct letters *letters)
{
    struct terminal terminal;
    terminal_init(&terminal, stdout);
    table_init(&letters->table, &terminal, columns,
               sizeof columns / sizeof *columns);
    enum exit_code code = read_all(letters, list_letter);
    bool is_short = letters->json.is_failed;
    json_writer_free(&letters->json);
    if (table_end(&letters->table) != 0 || is_short) {
        log_line(LOG_LEVEL_ERROR, "out of memory: the list is incomplete");
        code = EXIT_CODE_FAILED;
    }
    return code;
}

/* show */

/* What is known about it, a blank line, and exactly the bytes of the body. */
static bool show_letter(const struct inbox_letter *letter, void *data)
{
    const struct inbox_message *message = &letter->message;
    char at[WALL_CLOCK_TEXT_SIZE];
    char id[MESSAGE_ID_SIZE_MAX];
    (void)data;
    printf("outlet: %s\nqueue: %s/%s\narrival: %" PRIu64 "\n", letter->outlet,
           message->server, message->queue, message->arrival);
    printf("refused: %s\n", wall_clock_text_ms(letter->at_ms, at));
    printf("attempts: %" PRIu64 "\nreason: %s\n", letter->attempts,
           letter->why);
    if (letter->is_gone) {
        printf("the message is no longer in the inbox\n");
        return true;
    }
    message_id_write(id, message, letter->inbox_uuid, 0);
    printf("received: %s\nid: %s\n\n",
           wall_clock_text_ms(message->received_at_ms, at), id);
    fwrite(message->body.data, 1, message->body.size, stdout);
    return true;
}

static enum exit_code show(struct letters *letters)
{
    enum exit_code code = read_all(letters, count_letter);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (letters->count != 1) {
        log_line(LOG_LEVEL_ERROR,
                 letters->count == 0
                     ? "message %llu is not a dead letter"
                     : "message %llu is a dead letter of several outlets: name "
                       "one with --outlet",
                 (unsigned long long)letters->selection.filter.arrival);
        return EXIT_CODE_FAILED;
    }
    return read_all(letters, show_letter);
}

/* replay, purge */

static enum exit_code start_task(struct letters *letters,
                                 enum inbox_task_kind kind, bool has_new_ids)
{
    struct task_request request;
    const struct inbox_filter *filter = &letters->selection.filter;
    if (selection_request(&letters->selection, letters->config, &request) !=
        0) {
        config_free(letters->config);
        return EXIT_CODE_USAGE;
    }
    request.kind = kind;
    request.is_of_letters = kind == INBOX_TASK_REPLAY_START;
    request.has_new_ids = has_new_ids;
    request.first = filter->arrival;
    request.last = filter->arrival != 0 ? filter->arrival : INT64_MAX;
    return task_command(letters->config, &request);
}

/* Takes the configuration. */
static enum exit_code replay(struct letters *letters,
                             const struct command_options *options)
{
    enum exit_code code = read_all(letters, count_letter);
    if (code == EXIT_CODE_FINE && letters->selection.outlet == NULL) {
        command_outlet_missing(letters->config, options->outlet);
        code = EXIT_CODE_USAGE;
    } else if (code == EXIT_CODE_FINE &&
               (letters->count == 0 || options->is_dry_run)) {
        log_line(LOG_LEVEL_INFO, "outlet %s: dead letters to be sent: %llu",
                 options->outlet, (unsigned long long)letters->count);
    } else if (code == EXIT_CODE_FINE) {
        return start_task(letters, INBOX_TASK_REPLAY_START,
                          options->has_new_ids);
    }
    config_free(letters->config);
    return code;
}

static enum exit_code purge(struct letters *letters,
                            const struct command_options *options)
{
    if (!options->is_dry_run) {
        return start_task(letters, INBOX_TASK_LETTERS_PURGE, false);
    }
    enum exit_code code = read_all(letters, count_letter);
    if (code == EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_INFO, "outlet %s: dead letters to be removed: %llu",
                 options->outlet, (unsigned long long)letters->count);
    }
    config_free(letters->config);
    return code;
}

/* The command */

static enum exit_code carry_out(struct letters *letters, const char *word,
                                const struct command_options *options)
{
    enum exit_code code;
    if (strcmp(word, "replay") == 0) {
        return replay(letters, options);
    }
    if (strcmp(word, "purge") == 0) {
        return purge(letters, options);
    }
    code = strcmp(word, "list") == 0 ? list(letters) : show(letters);
    config_free(letters->config);
    return code;
}

enum exit_code command_dead_letters(const struct command_options *options)
{
    struct letters letters = {.is_json = options->is_json};
    const char *word = options->word;
    bool is_task = strcmp(word, "replay") == 0 || strcmp(word, "purge") == 0;
    log_open(options->is_verbose, false);
    if (is_task && options->outlet == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "dead-letters replay and purge need --outlet");
        return EXIT_CODE_USAGE;
    }
    enum exit_code code =
        command_load_config(options, CONFIG_RUN, &letters.config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (selection_read(&letters.selection, letters.config, options) != 0 ||
        (options->argument_count > 0 &&
         selection_read_arrival(&letters.selection, options->arguments[0]) !=
             0)) {
        config_free(letters.config);
        return EXIT_CODE_USAGE;
    }
    return carry_out(&letters, word, options);
}
