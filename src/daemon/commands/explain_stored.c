#include "daemon/commands/explain_stored.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/commands/explain_print.h"
#include "daemon/commands/inbox_reading.h"
#include "daemon/commands/last_run.h"
#include "daemon/gather/pauses.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"

struct stored {
    const struct config *config; /* borrowed */
    const char *name;            /* of the queue or outlet */
    bool is_found;               /* the inbox has something of it */
};

static void tell_last_run(const struct config *config, const char *why)
{
    struct last_run run;
    char text[LAST_RUN_TEXT_SIZE];
    last_run_read(&run, config->state_dir);
    last_run_text(&run, text);
    if (run.is_locked) {
        explain_line("process", "%s", text); /* so why is not true */
    } else {
        explain_line("process", "%s; %s", why, text);
    }
}

static enum exit_code view(const struct config_inbox *inbox,
                           const struct inbox_view *view)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    int error = inbox_view(inbox->type, inbox->options, view, why, sizeof why);
    if (error != 0) {
        explain_line("inbox", "%s: %s", inbox->name, why);
    }
    return error == 0 ? EXIT_CODE_FINE : EXIT_CODE_FAILED;
}

/* Queues */

static bool on_queue(const struct inbox_queue_survey *row, void *data)
{
    struct stored *stored = data;
    char text[EXPLAIN_TIME_SIZE];
    stored->is_found = true;
    explain_line("stored",
                 "%" PRIu64 " messages in %" PRIu64
                 " batches, of which %" PRIu64
                 " are not known to be marked; the newest was received at %s",
                 row->count, row->batch_count, row->unmarked_count,
                 explain_time(row->newest_ms, wall_clock_ms(), text));
    return true;
}

static void tell_pause(const struct stored *stored)
{
    struct pauses pauses;
    char server[HAPLO_NAME_SIZE_MAX + 1];
    char text[EXPLAIN_TIME_SIZE];
    const char *slash = strchr(stored->name, '/');
    snprintf(server, sizeof server, "%.*s", (int)(slash - stored->name),
             stored->name);
    pauses_load(&pauses, stored->config->state_dir);
    const struct pause *pause = pauses_find(&pauses, server, slash + 1);
    if (pause != NULL) {
        explain_line("paused by", "%s, at %s%s%s", pause->by,
                     explain_time(pause->at_ms, wall_clock_ms(), text),
                     pause->reason[0] != '\0' ? ": " : "", pause->reason);
    }
    pauses_free(&pauses);
}

static enum exit_code explain_queue(struct stored *stored, const char *why)
{
    const struct config_queue *queue =
        config_queue_find(stored->config, stored->name);
    const struct config_held *held =
        queue == NULL ? config_held_find(stored->config, stored->name) : NULL;
    if (queue == NULL && held == NULL) {
        log_line(LOG_LEVEL_ERROR, "%s has no queue named %s",
                 stored->config->path, stored->name);
        return EXIT_CODE_USAGE;
    }
    printf("%s is not polled\n", stored->name);
    tell_last_run(stored->config, why);
    if (held != NULL) {
        explain_line("cause", "it would be held: %s", held->problem->text);
        return EXIT_CODE_FINE;
    }
    const struct inbox_view counts = {
        .filter = {.queue = stored->name, .until_ms = INBOX_FILTER_NO_END},
        .queue_cb = on_queue,
        .data = stored,
    };
    tell_pause(stored);
    if (view(queue->settings->inbox, &counts) == EXIT_CODE_FINE &&
        !stored->is_found) {
        explain_line("stored", "nothing in inbox %s",
                     queue->settings->inbox->name);
    }
    return EXIT_CODE_FINE;
}

/* Outlets */

static void on_summary(const struct inbox_summary *summary, void *data)
{
    (void)summary;
    (void)data;
}

static bool on_outlet(const struct inbox_outlet_survey *row, void *data)
{
    struct stored *stored = data;
    char text[EXPLAIN_TIME_SIZE];
    if (strcmp(row->name, stored->name) != 0) {
        return true;
    }
    stored->is_found = true;
    explain_line(
        "pending",
        "%" PRIu64 " messages, %" PRIu64
        " of them held up because their queue is%s%s",
        row->pending_count, row->deferred_count,
        row->oldest_pending_ms != 0 ? "; the oldest was received at " : "",
        row->oldest_pending_ms != 0
            ? explain_time(row->oldest_pending_ms, wall_clock_ms(), text)
            : "");
    explain_line("dead", "%" PRIu64 " dead letters", row->letter_count);
    return false;
}

static enum exit_code explain_outlet(struct stored *stored, const char *why)
{
    const struct config_outlet *outlet =
        task_command_outlet(stored->config, stored->name);
    const struct inbox_view counts = {
        .summary_cb = on_summary,
        .outlet_cb = on_outlet,
        .data = stored,
    };
    if (outlet == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "%s has no outlet named %s: explain takes SERVER/QUEUE, an "
                 "outlet, or a code",
                 stored->config->path, stored->name);
        return EXIT_CODE_USAGE;
    }
    printf("outlet %s does not run\n", stored->name);
    tell_last_run(stored->config, why);
    if (view(outlet->inbox, &counts) == EXIT_CODE_FINE && !stored->is_found) {
        explain_line("pending", "everything: it has not forwarded anything "
                                "yet");
    }
    return EXIT_CODE_FINE;
}

/* JSON has less: what is stored is in `inbox list` and `inbox count`. */
static enum exit_code print_json(const char *why)
{
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_bool(&json, "running", false);
    json_text(&json, "message", why);
    json_object_end(&json);
    json_end_line(&json);
    (void)json_writer_print(&json, stdout); /* output.h tells of an error */
    json_writer_free(&json);
    return EXIT_CODE_FINE;
}

enum exit_code explain_stored(const struct command_options *options,
                              const struct config *config, const char *name,
                              const char *why)
{
    struct stored stored = {.config = config, .name = name};
    if (options->is_json) {
        return print_json(why);
    }
    return strchr(name, '/') != NULL ? explain_queue(&stored, why)
                                     : explain_outlet(&stored, why);
}
