#include "outlets/exec/exec_options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* The PATH that the program is looked for in; NULL: that of the C library. */
static const char *search_path(const struct exec_options *options)
{
    const char *const *entry = options->environment;

    for (const char *found = NULL; entry != NULL; entry++) {
        if (*entry == NULL) {
            return found != NULL ? found : getenv("PATH");
        }
        if (strncmp(*entry, "PATH=", 5) == 0) {
            found = *entry + 5;
        }
    }
    return getenv("PATH");
}

static bool is_program(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
           access(path, X_OK) == 0;
}

/* Folders that are not absolute depend on where it is run. */
static bool is_found(const char *program, const char *folders)
{
    char path[PATH_MAX];

    while (*folders != '\0') {
        size_t size = strcspn(folders, ":");

        (void)snprintf(path, sizeof(path), "%.*s/%s", (int)size, folders,
                       program);
        if (folders[0] != '/' || is_program(path)) {
            return true;
        }
        folders += size;
        folders += *folders == ':' ? 1 : 0;
    }
    return false;
}

bool exec_options_lack(const void *data, char *why, size_t why_size)
{
    const struct exec_options *options = data;
    const char *program = options->command[0];
    const char *folders = search_path(options);

    if (program[0] == '/') {
        if (is_program(program)) {
            return false;
        }
        (void)reason_write(why, why_size, 0,
                           "command: %s is not a program that this user can "
                           "run: install it, or correct command",
                           program);
        return true;
    }
    if (folders == NULL || is_found(program, folders)) {
        return false;
    }
    (void)reason_write(why, why_size, 0,
                       "command: %s is not in PATH (%s): install it, or write "
                       "an absolute path",
                       program, folders);
    return true;
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
