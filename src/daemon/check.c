/*
 * check.c - checks a configuration and prints what it would do. It needs
 * neither the network nor the machine that the configuration is for: what only
 * that machine may have, such as keys, is worth a warning.
 */
#include <stdio.h>

#include "config/config_errors.h"
#include "daemon/check_files.h"
#include "daemon/command.h"
#include "daemon/diagnostic.h"

/* Prints what was found, and what would run. */
static int check_print(const struct config *config,
                       const struct config_errors *errors, bool is_json)
{
    struct json_writer json = {0};
    struct terminal terminal;
    if (is_json) {
        diagnostics_write(errors, &json);
        json_end_line(&json);
        int error = json_writer_print(&json, stdout);
        json_writer_free(&json);
        return error;
    }
    terminal_init(&terminal, stderr);
    diagnostics_print(errors, &terminal);
    if (errors->count == 0) {
        config_print(config, stdout);
    }
    return 0;
}

enum exit_code command_check(const struct command_options *options)
{
    struct config *config;
    struct config_errors errors;
    int result =
        config_load(options->config_path,
                    options->is_strict ? CONFIG_CHECK_STRICT : CONFIG_CHECK,
                    &errors, &config);
    if (result == 0) {
        check_files(config, &errors);
    }
    enum exit_code code = result == CONFIG_FAILED ? EXIT_CODE_FAILED
                          : errors.count > 0      ? EXIT_CODE_USAGE
                                                  : EXIT_CODE_FINE;
    if (check_print(config, &errors, options->is_json) != 0) {
        code = EXIT_CODE_FAILED;
    }
    config_errors_clear(&errors);
    config_free(config);
    return code;
}
