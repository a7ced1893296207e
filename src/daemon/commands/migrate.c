/*
 * migrate.c - `migrate`: creates or upgrades the tables of an inbox. `run`
 * never does, because the role that stores messages need not own them.
 */
#include <stdio.h>

#include "base/reason.h"
#include "daemon/command.h"
#include "daemon/log/log.h"

static enum exit_code migrate(const struct command_options *options,
                              const struct config_inbox *inbox)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    int error = inbox_migrate(inbox->type, inbox->options, options->owner,
                              options->writer, text, sizeof text);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "migrate inbox %s: %s", inbox->name, text);
        return error == HAPLO_EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
    }
    printf("inbox %s: %s\n", inbox->name, text);
    return EXIT_CODE_FINE;
}

enum exit_code command_migrate(const struct command_options *options)
{
    const char *inbox = options->arguments[0]; /* or NULL */
    log_open(options->is_verbose, false);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE) {
        const struct config_inbox *found = command_find_inbox(config, inbox);
        code = found != NULL ? migrate(options, found) : EXIT_CODE_USAGE;
        config_free(config);
    }
    return code;
}
