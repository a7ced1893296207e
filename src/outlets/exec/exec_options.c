#include "outlets/exec/exec_options.h"

#include <string.h>

#include "base/reason.h"

static int folder_check(const char *value, char *why, size_t why_size)
{
    return value[0] == '/'
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "not an absolute path: begin it with /");
}

static int environment_check(const char *value, char *why, size_t why_size)
{
    static const char digits_and_letters[] = "0123456789"
                                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "abcdefghijklmnopqrstuvwxyz_";
    size_t size = strcspn(value, "=");

    if (size == 0 || strspn(value, digits_and_letters) != size ||
        strspn(value, "0123456789") > 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "not a variable: write NAME=value, or NAME to pass "
                            "on that of haplo-poll");
    }
    if (strncmp(value, "HAPLO_", 6) == 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "names that begin with HAPLO_ are set by the "
                            "outlet: choose another one");
    }
    return 0;
}

/* The program. To which folder a relative path relates would be a riddle. */
int exec_options_check(const void *data, char *why, size_t why_size)
{
    const struct exec_options *options = data;
    const char *program = options->command != NULL ? options->command[0] : "x";

    return program[0] == '/' ||
                   (program[0] != '\0' && strchr(program, '/') == NULL)
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "command: its first entry is not a program: "
                              "write an absolute path, or a name that is found "
                              "in PATH");
}

const struct option_row exec_option_rows[EXEC_OPTION_COUNT] = {
    {
        .name = "command",
        .value = OPTION_TEXT_LIST,
        .offset = offsetof(struct exec_options, command),
        .help = "The program and its arguments, one an entry, see "
                "haplo-exec(5). No shell is involved.",
    },
    {
        .name = "per",
        .value = OPTION_CHOICE,
        .choices = "batch message",
        .fallback = "batch",
        .offset = offsetof(struct exec_options, per),
        .help = "What it is run for. A batch is passed as lines of JSON, one "
                "message as its exact bytes.",
    },
    {
        .name = "environment",
        .value = OPTION_TEXT_LIST,
        .fallback = "none",
        .offset = offsetof(struct exec_options, environment),
        .check = environment_check,
        .help = "Variables for it: NAME=value, or NAME to pass on that of "
                "haplo-poll.",
    },
    {
        .name = "folder",
        .value = OPTION_TEXT,
        .fallback = "/",
        .offset = offsetof(struct exec_options, folder),
        .word = "PATH",
        .check = folder_check,
        .help = "Its working directory, an absolute path.",
    },
    {
        .name = "time_limit",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HAPLO_WAIT_MS_MAX,
        .fallback = "1m",
        .offset = offsetof(struct exec_options, time_limit_ms),
        .help = "It is ended, with its process group, if it runs longer.",
    },
    {
        .name = "grace",
        .value = OPTION_DURATION,
        .min = 1,
        .max = HAPLO_WAIT_MS_MAX,
        .fallback = "5s",
        .offset = offsetof(struct exec_options, grace_ms),
        .help = "Time between SIGTERM and SIGKILL when it is ended.",
    },
};
