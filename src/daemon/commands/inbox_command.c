/*
 * inbox_command.c - `inbox backup`. It takes no lock, since a database can be
 * copied while it is in use.
 */
#include <string.h>

#include "base/command_hint.h"
#include "base/reason.h"
#include "config/config_suggest.h"
#include "daemon/command.h"
#include "daemon/log/log.h"

static void tell_missing(const struct config *config, const char *name)
{
    char advice[CONFIG_SUGGEST_SIZE];
    char hint[COMMAND_HINT_SIZE];
    char otherwise[COMMAND_HINT_SIZE + 16];
    snprintf(otherwise, sizeof otherwise, "`%s` lists them",
             command_hint(hint, "check", NULL));
    log_line(LOG_LEVEL_ERROR, "%s has no inbox named %s: %s", config->path,
             name, config_suggest_inbox(config, name, otherwise, advice));
}

const struct config_inbox *command_find_inbox(const struct config *config,
                                              const char *name)
{
    if (name != NULL) {
        const struct config_inbox *inbox = config_inbox_find(config, name);
        if (inbox == NULL) {
            tell_missing(config, name);
        }
        return inbox;
    }
    if (config->inbox_count > 1) {
        log_line(LOG_LEVEL_ERROR, "%s has several inboxes: name one",
                 config->path);
        return NULL;
    }
    return &config->inboxes[0];
}

static enum exit_code backup(const struct config *config, const char *name,
                             const char *path)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct config_inbox *inbox = command_find_inbox(config, name);
    if (inbox == NULL) {
        return EXIT_CODE_USAGE;
    }
    if (inbox_backup(inbox->type, inbox->options, path, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "back up inbox %s to %s: %s", inbox->name,
                 path, why);
        return EXIT_CODE_FAILED;
    }
    return EXIT_CODE_FINE;
}

enum exit_code command_inbox_backup(const struct command_options *options)
{
    int last = options->argument_count - 1;
    const char *inbox = last > 0 ? options->arguments[0] : NULL;
    const char *path = options->arguments[last];
    log_open(options->is_verbose, false);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE) {
        code = backup(config, inbox, path);
        config_free(config);
    }
    return code;
}
