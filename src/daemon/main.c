/*
 * main.c - reads the command line and runs the command.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/standard_streams.h"
#include "daemon/command.h"
#include "daemon/command_line.h"
#include "daemon/commands.h"
#include "daemon/limits.h"
#include "daemon/log/log.h"
#include "daemon/text/output.h"

/* What run and once say is read elsewhere: in a log, or in a mail. */
static const char *path_for_hints(const struct command_options *options,
                                  const struct command_row *command)
{
    static char absolute[PATH_MAX];
    const char *path = options->config_path;
    bool is_read_elsewhere =
        command->run == command_run || command->run == command_once;
    if (is_read_elsewhere && path[0] != '/' &&
        realpath(path, absolute) != NULL) {
        path = absolute;
    }
    return strcmp(path, COMMAND_CONFIG_DEFAULT) != 0 ? path : NULL;
}

/* Does what the command line asks for. */
static enum exit_code run_command_line(int argc, char **argv)
{
    struct command_options options = {
        .config_path = COMMAND_CONFIG_DEFAULT,
        .environment = getenv("HAPLO_POLL_ENVIRONMENT"),
    };
    const struct command_row *command = NULL;
    switch (command_line_read(argc, argv, &options, &command)) {
    case COMMAND_LINE_HELP:
        return command_help(&options);
    case COMMAND_LINE_VERSION:
        return command_version(&options);
    case COMMAND_LINE_INVALID:
        return EXIT_CODE_USAGE;
    case COMMAND_LINE_COMMAND:
        break;
    }
    if (options.environment != NULL && options.environment[0] == '\0') {
        options.environment = NULL;
    }
    command_hint_use(path_for_hints(&options, command), options.environment);
    limits_prepare();
    return command->run(&options);
}

int haplo_poll_main(int argc, char **argv)
{
    if (standard_streams_open() != 0) {
        return EXIT_CODE_FAILED; /* there is nowhere to say why */
    }
    log_open(false, false); /* a command may change that */
    enum exit_code code = run_command_line(argc, argv);
    if (output_flush() != 0 && code == EXIT_CODE_FINE) {
        code = EXIT_CODE_FAILED;
    }
    log_close();
    return (int)code;
}
