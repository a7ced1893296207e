/*
 * status_command.c - `status`. If no process is running, what its state
 * directory and its inboxes tell is printed instead.
 */
#include <stdio.h>

#include "daemon/commands/last_run.h"
#include "daemon/commands/status_watch.h"
#include "daemon/log/log.h"

#define QUEUE_ROWS_MAX 20 /* on a terminal, without --all */

static void print_last_run(const struct config *config, const char *why)
{
    struct last_run run;
    char text[LAST_RUN_TEXT_SIZE];
    last_run_read(&run, config->state_dir);
    last_run_text(&run, text);
    if (run.is_locked) {
        printf("%s\n", text); /* so why is not true */
    } else {
        printf("%s; %s\n", why, text);
    }
}

static void print_last_run_json(const struct config *config, const char *why)
{
    struct json_writer json = {0};
    struct last_run run;
    char text[LAST_RUN_TEXT_SIZE];
    last_run_read(&run, config->state_dir);
    json_object(&json, NULL);
    json_bool(&json, "running", false);
    json_text(&json, "message", why);
    json_text(&json, "state_dir", config->state_dir);
    json_object(&json, "last_run");
    json_bool(&json, "clean", run.is_any && run.was_clean);
    json_time(&json, "at", run.at_ms);
    json_text(&json, "text", last_run_text(&run, text));
    json_object_end(&json);
    json_object_end(&json);
    json_end_line(&json);
    (void)json_writer_print(&json, stdout); /* output.h tells of an error */
    json_writer_free(&json);
}

/* The inboxes follow, as `inbox list` has them; those that were never created
 * are no news. */
static void tell_not_running(const struct config *config,
                             const struct command_options *options,
                             const char *why)
{
    if (options->is_json) {
        print_last_run_json(config, why);
        return;
    }
    print_last_run(config, why);
    putchar('\n');
    fflush(stdout);
    (void)command_inbox_list(options);
}

static enum exit_code print_once(const struct status_options *options,
                                 const struct command_options *command)
{
    struct terminal terminal;
    char why[HAPLO_TEXT_SIZE_MAX];
    bool is_fine;
    terminal_init(&terminal, stdout);
    enum exit_code code =
        command->is_json
            ? status_print_json(options, &is_fine, why, sizeof why)
            : status_print(&terminal, options, &is_fine, why, sizeof why);
    if (code == EXIT_CODE_NOT_RUNNING) {
        tell_not_running(options->config, command, why);
    } else if (code != EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
    } else if (!is_fine) {
        code = EXIT_CODE_FAILED;
    }
    return code;
}

enum exit_code command_status(const struct command_options *options)
{
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    struct terminal terminal;
    terminal_init(&terminal, stdout);
    const struct status_options status = {
        .config = config,
        .is_all = options->is_all,
        .queue_max =
            terminal.is_terminal && !options->is_all ? QUEUE_ROWS_MAX : 0,
    };
    code = options->is_watch ? status_watch(&status, options->is_json)
                             : print_once(&status, options);
    config_free(config);
    return code;
}
