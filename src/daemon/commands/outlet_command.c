/*
 * outlet_command.c - releases a queue of an outlet that is held up by a
 * message.
 *
 *   - If a process is running on the state directory, it is asked to do this.
 *   - Otherwise the outlet runs here, without polling. When the lane is
 *     blocked or waits, it is released. When the outlet comes to rest after
 *     that, its progress has been saved, and the command ends.
 *
 * If the outlet comes to rest and the lane is neither blocked nor waiting,
 * there is nothing to release, and the command fails; also if the inbox cannot
 * be read. Where several hosts share the servers, nothing runs here next to
 * them: the process that forwards the queue must be asked.
 */
#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/admin/admin_ask.h"
#include "daemon/command.h"
#include "daemon/log/log.h"
#include "daemon/log/run_log.h"
#include "daemon/log/trace.h"
#include "daemon/session.h"
#include "daemon/task/release.h"

struct outlet_command {
    struct session session;        /* runs only this outlet */
    const struct release *release; /* what to do */
    uv_timer_t wake;               /* does the work that follows from events */
    struct run_log log;            /* of what follows the release */
    bool is_released;              /* released; waiting for rest */
    enum exit_code code;           /* result of the release */
};

static struct outlet_command *command_of(struct gather *gather)
{
    return container_of(session_of(gather), struct outlet_command, session);
}

static const struct config_outlet *find_outlet(const struct config *config,
                                               const char *name)
{
    for (size_t i = 0; i < config->outlet_count; i++) {
        if (strcmp(config->outlets[i].forward.name, name) == 0) {
            return &config->outlets[i];
        }
    }
    return NULL;
}

/* Without a running process */

static struct forwarder_stats stats_of(const struct outlet_command *command)
{
    const struct gather_outlet *outlet =
        gather_find_outlet(&command->session.gather, command->release->outlet);
    struct forwarder_stats stats;
    forwarder_stats(outlet->forwarder, &stats);
    return stats;
}

static void give_up(struct outlet_command *command, const char *why)
{
    log_line(LOG_LEVEL_ERROR, "outlet %s: its inbox cannot be used: %s",
             command->release->outlet, why);
    command->code = EXIT_CODE_FAILED;
    session_end(&command->session);
}

static void on_wake(uv_timer_t *timer)
{
    struct outlet_command *command = timer->data;
    char text[HAPLO_TEXT_SIZE_MAX];
    if (command->session.is_ending) {
        return;
    }
    struct forwarder_stats stats = stats_of(command);
    if (stats.is_inbox_down) {
        give_up(command, stats.why);
        return;
    }
    if (!stats.is_at_rest) {
        return;
    }
    if (!command->is_released) {
        command->is_released = true;
        observer_listen(&command->session.gather.observer,
                        &command->log.listener);
        run_log_open(&command->log);
        command->code = release_do(&command->session.gather, command->release,
                                   text, sizeof text);
        log_line(LOG_LEVEL_INFO, "%s", text);
    }
    if (command->code != EXIT_CODE_FINE || stats_of(command).is_at_rest) {
        session_end(&command->session);
    }
}

static void on_outlet_event(struct gather_outlet *outlet,
                            const struct forwarder_event *event)
{
    struct outlet_command *command = command_of(outlet->gather);
    trace_outlet(event);
    uv_timer_start(&command->wake, on_wake, 0, 0); /* cannot fail */
}

static void on_opened(struct session *session)
{
    struct outlet_command *command =
        container_of(session, struct outlet_command, session);
    uv_timer_init(&session->loop, &command->wake); /* cannot fail */
    command->wake.data = command;
}

static void on_drained(struct gather *gather)
{
    struct outlet_command *command = command_of(gather);
    uv_close((uv_handle_t *)&command->wake, NULL);
    run_log_close(&command->log);
}

static enum exit_code release_here(struct config *config,
                                   const struct release *release)
{
    const struct session_options session_options = {
        .opened_cb = on_opened,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
        .only_outlet = find_outlet(config, release->outlet),
    };
    struct outlet_command command = {.release = release,
                                     .code = EXIT_CODE_FAILED};
    run_log_init(&command.log, &command.session.gather);
    enum exit_code code = session_open(&command.session, config);
    if (code == EXIT_CODE_FINE) {
        code = session_run(&command.session, &session_options);
    }
    run_log_free(&command.log);
    return session_exit(&command.session,
                        code == EXIT_CODE_FINE ? command.code : code);
}

/* The command */

/* Asks the process that uses the state directory. False if none does. */
static bool ask(const struct config *config, const char *word,
                const struct release *release, enum exit_code *code, char *text,
                size_t text_size)
{
    struct admin_answer answer;
    char path[ADMIN_ASK_PATH_SIZE] = "/api/v1/outlets";
    *code = EXIT_CODE_USAGE;
    if (admin_ask_append(path, release->outlet) != 0 ||
        admin_ask_append(path, "lanes") != 0 ||
        admin_ask_append(path, release->server) != 0 ||
        admin_ask_append(path, release->queue) != 0 ||
        admin_ask_append(path, word) != 0) {
        snprintf(text, text_size, "a name is too long");
        return true;
    }
    *code = EXIT_CODE_FAILED;
    int error = admin_ask(config, "POST", path, NULL, &answer, text, text_size);
    if (error == 0) {
        *code = admin_answer_result(&answer, text, text_size);
    }
    admin_answer_free(&answer);
    return error != HAPLO_ENOTFOUND;
}

enum exit_code command_outlet(const struct command_options *options)
{
    struct release release;
    enum exit_code code;
    char line[3 * HAPLO_TEXT_SIZE_MAX];
    char text[HAPLO_TEXT_SIZE_MAX];
    log_open(options->is_verbose, false);
    snprintf(line, sizeof line, "%s %s %s", options->word,
             options->arguments[0], options->arguments[1]);
    if (release_parse(&release, line, text, sizeof text) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", text);
        return EXIT_CODE_USAGE;
    }
    struct config *config;
    code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (find_outlet(config, release.outlet) == NULL) {
        command_outlet_missing(config, release.outlet);
        config_free(config);
        return EXIT_CODE_USAGE;
    }
    if (ask(config, options->word, &release, &code, text, sizeof text)) {
        log_line(code == EXIT_CODE_FINE ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
                 "%s", text);
        config_free(config);
        return code;
    }
    if (config->fleet.inbox != NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "outlet %s: haplo-poll does not run with state_dir %s: where "
                 "several hosts share the servers, ask the one that has %s",
                 release.outlet, config->state_dir, release.server);
        config_free(config);
        return EXIT_CODE_FAILED;
    }
    return release_here(config, &release);
}
