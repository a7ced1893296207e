/*
 * drain_host.c - `drain-host`: takes all servers from a host, so that it can be
 * stopped or repaired at leisure, or gives it its share again. The hosts find
 * it in the database; no process need run here.
 */
#include <stdio.h>

#include "daemon/commands/fleet_command.h"
#include "daemon/log/log.h"
#include "inbox/inbox_fleet.h"

static enum exit_code drain(const struct config_inbox *inbox, const char *host,
                            bool is_draining)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    int error = inbox_fleet_drain(inbox->type, inbox->options, host,
                                  is_draining, text, sizeof text);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "inbox %s: %s", inbox->name, text);
        return error == HAPLO_ENOTFOUND ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
    }
    printf("%s\n", text);
    return EXIT_CODE_FINE;
}

enum exit_code command_drain_host(const struct command_options *options)
{
    struct config *config;
    const struct config_inbox *inbox;
    log_open(options->is_verbose, false);
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    code = fleet_command_inbox(config, &inbox);
    if (code == EXIT_CODE_FINE) {
        code = drain(inbox, options->arguments[0], !options->is_undo);
    }
    config_free(config);
    return code;
}
