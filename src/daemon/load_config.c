/*
 * load_config.c - loads the configuration of a command, prints what is wrong
 * with it, and says which name may have been meant.
 */
#include "base/command_hint.h"
#include "config/config_errors.h"
#include "config/config_suggest.h"
#include "daemon/command.h"
#include "daemon/log/log.h"
#include "daemon/text/diagnostic.h"

enum exit_code command_load_config(const struct command_options *options,
                                   enum config_mode mode,
                                   struct config **config)
{
    struct config_errors errors;
    struct terminal terminal;
    int result = config_load(options->config_path, options->environment, mode,
                             &errors, config);
    terminal_init(&terminal, stderr);
    diagnostics_print(&errors, &terminal);
    config_errors_clear(&errors);
    if (result == 0) {
        return EXIT_CODE_FINE;
    }
    return result == CONFIG_FAILED ? EXIT_CODE_FAILED : EXIT_CODE_USAGE;
}

void command_outlet_missing(const struct config *config, const char *name)
{
    char advice[CONFIG_SUGGEST_SIZE];
    char hint[COMMAND_HINT_SIZE];
    char otherwise[COMMAND_HINT_SIZE + 16];
    snprintf(otherwise, sizeof otherwise, "`%s` lists them",
             command_hint(hint, "check", NULL));
    log_line(LOG_LEVEL_ERROR, "%s has no outlet named %s: %s", config->path,
             name, config_suggest_outlet(config, name, otherwise, advice));
}
