/*
 * inbox_move_command.c - `inbox move`: moves everything from one inbox to
 * another one, while no process uses either. Both are in the configuration.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/command_hint.h"
#include "daemon/command.h"
#include "daemon/log/log.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/terminal.h"
#include "inbox/inbox_move.h"

/* All that the command knows. */
struct moving {
    const struct config_inbox *from; /* borrowed */
    const struct config_inbox *to;   /* likewise */
    struct inbox_move move;          /* of these */
    struct progress_line progress;   /* on a terminal */
};

static void on_progress(const struct inbox_move *move, void *data)
{
    struct moving *moving = data;
    double all = (double)(move->last_arrival - move->first_arrival + 1);
    double done = (double)(move->at - move->first_arrival + 1);
    if (progress_line_is_due(&moving->progress)) {
        progress_line_show(&moving->progress,
                           "inbox %s: %.0f %%; messages moved: %" PRIu64,
                           moving->from->name, 100 * done / all,
                           move->counts[INBOX_MOVE_MESSAGES]);
    }
}

static void print_json(const struct moving *moving)
{
    static const char *const names[INBOX_MOVE_PART_COUNT] = {
        [INBOX_MOVE_QUEUES] = "queues",
        [INBOX_MOVE_PURGED] = "purged",
        [INBOX_MOVE_MESSAGES] = "messages",
        [INBOX_MOVE_BATCHES] = "batches",
        [INBOX_MOVE_OUTLETS] = "outlets",
        [INBOX_MOVE_POSITIONS] = "positions",
        [INBOX_MOVE_LETTERS] = "dead_letters",
        [INBOX_MOVE_REPLAYS] = "replays",
    };
    const struct inbox_move *move = &moving->move;
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_text(&json, "from", moving->from->name);
    json_text(&json, "to", moving->to->name);
    json_bool(&json, "resumed", move->is_resumed);
    json_bool(&json, "moved_before", move->was_moved);
    for (int part = 0; part < INBOX_MOVE_PART_COUNT; part++) {
        json_count(&json, names[part], move->counts[part]);
    }
    json_object_end(&json);
    json_end_line(&json);
    if (json_writer_print(&json, stdout) != 0) {
        log_line(LOG_LEVEL_ERROR, "out of memory: the inbox has moved");
    }
    json_writer_free(&json);
}

static void print_text(const struct moving *moving)
{
    const struct inbox_move *move = &moving->move;
    const uint64_t *counts = move->counts;
    if (move->was_moved) {
        printf("inbox %s: everything in it has been moved to %s before\n",
               moving->from->name, moving->to->name);
    } else {
        printf("inbox %s: everything in it has been moved to %s: messages "
               "%" PRIu64 "%s, queues %" PRIu64 ", outlets %" PRIu64
               ", dead letters %" PRIu64 ", replays %" PRIu64 "\n",
               moving->from->name, moving->to->name,
               counts[INBOX_MOVE_MESSAGES],
               move->is_resumed ? " (the rest before)" : "",
               counts[INBOX_MOVE_QUEUES], counts[INBOX_MOVE_OUTLETS],
               counts[INBOX_MOVE_LETTERS], counts[INBOX_MOVE_REPLAYS]);
    }
    printf("Now remove %s from the configuration, and use %s in its place.\n",
           moving->from->name, moving->to->name);
}

static enum exit_code code_of(int error)
{
    return error == HAPLO_EEXIST   ? EXIT_CODE_IN_USE
           : error == HAPLO_EINVAL ? EXIT_CODE_USAGE
                                   : EXIT_CODE_FAILED;
}

/* What has been copied stays, so that it pays to say how to continue. */
static void tell_failure(const struct moving *moving, int error,
                         const struct reason *why)
{
    const struct inbox_move *move = &moving->move;
    const char *owner = move->to_open.owner;
    const char *name =
        move->is_from_error ? moving->from->name : moving->to->name;
    char hint[COMMAND_HINT_SIZE];
    if (code_of(error) != EXIT_CODE_FAILED) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: %s", name, why->text);
        return;
    }
    log_line(LOG_LEVEL_ERROR, "inbox %s: %s; `%s` continues", name, why->text,
             command_hint(hint, "inbox move", moving->from->name,
                          moving->to->name, owner != NULL ? "--owner" : NULL,
                          owner, NULL));
}

static enum exit_code move(const struct command_options *options,
                           const struct config *config, struct moving *moving)
{
    struct reason why = {""};
    moving->move = (struct inbox_move){
        .from = moving->from->type,
        .from_options = moving->from->options,
        .to = moving->to->type,
        .to_open =
            {
                .options = moving->to->options,
                .name = moving->to->name,
                .owner = options->owner,
                .environment =
                    config->environment != NULL ? config->environment : "",
            },
        .progress_cb = on_progress,
        .data = moving,
    };
    progress_line_start(&moving->progress, options->is_quiet);
    int error = inbox_move(&moving->move, &why);
    progress_line_clear(&moving->progress);
    if (error != 0) {
        tell_failure(moving, error, &why);
        return code_of(error);
    }
    if (options->is_json) {
        print_json(moving);
    } else {
        print_text(moving);
    }
    return EXIT_CODE_FINE;
}

enum exit_code command_inbox_move(const struct command_options *options)
{
    log_open(options->is_verbose, false);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    struct moving moving = {0};
    moving.from = command_find_inbox(config, options->arguments[0]);
    if (moving.from != NULL) {
        moving.to = command_find_inbox(config, options->arguments[1]);
    }
    code = moving.from != NULL && moving.to != NULL
               ? move(options, config, &moving)
               : EXIT_CODE_USAGE;
    config_free(config);
    return code;
}
