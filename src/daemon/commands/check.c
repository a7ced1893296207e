/*
 * check.c - checks a configuration and prints what it would do. It needs
 * neither the network nor the machine that the configuration is for: what only
 * that machine may have, such as keys, is worth a warning.
 *
 * `doctor`, or `check --deep`, then goes there and examines what the
 * configuration names: see doctor.c.
 */
#include <stdio.h>

#include "config/config_errors.h"
#include "daemon/command.h"
#include "daemon/commands/check_files.h"
#include "daemon/doctor/doctor.h"
#include "daemon/log/log.h"
#include "daemon/text/diagnostic.h"

/* For people on stderr, for scripts on stdout. */
static int errors_print(const struct config_errors *errors, bool is_json)
{
    struct json_writer json = {0};
    struct terminal terminal;
    if (!is_json) {
        terminal_init(&terminal, stderr);
        diagnostics_print(errors, &terminal);
        return 0;
    }
    diagnostics_write(errors, &json);
    json_end_line(&json);
    int error = json_writer_print(&json, stdout);
    json_writer_free(&json);
    return error;
}

/* Loads and checks the configuration. Without errors, *config is to be
 * freed. */
static enum exit_code check(const struct command_options *options, bool is_json,
                            struct config **config)
{
    struct config_errors errors;
    int result =
        config_load(options->config_path, options->environment,
                    options->is_strict ? CONFIG_CHECK_STRICT : CONFIG_CHECK,
                    &errors, config);
    if (result == 0) {
        check_files(*config, &errors);
    }
    enum exit_code code = result == CONFIG_FAILED ? EXIT_CODE_FAILED
                          : errors.count > 0      ? EXIT_CODE_USAGE
                                                  : EXIT_CODE_FINE;
    if (errors_print(&errors, is_json) != 0) {
        code = EXIT_CODE_FAILED;
    }
    config_errors_clear(&errors);
    if (code != EXIT_CODE_FINE) {
        config_free(*config);
        *config = NULL;
    }
    return code;
}

enum exit_code command_doctor(const struct command_options *options)
{
    struct config *config;
    log_open(options->is_verbose, false);
    enum exit_code code = check(options, false, &config);
    if (code == EXIT_CODE_FINE) {
        code = doctor_run(config, options->is_json);
        config_free(config);
    }
    return code;
}

enum exit_code command_check(const struct command_options *options)
{
    struct config *config;
    if (options->is_deep) {
        return command_doctor(options);
    }
    enum exit_code code = check(options, options->is_json, &config);
    if (code == EXIT_CODE_FINE) {
        if (!options->is_json) {
            config_print(config, stdout);
        }
        config_free(config);
    }
    return code;
}
