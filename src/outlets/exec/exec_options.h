/*
 * exec_options.h - the options of the outlet that runs a command.
 */
#ifndef OUTLETS_EXEC_OPTIONS_H
#define OUTLETS_EXEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "haplopoll.h"

#define EXEC_OPTION_COUNT 6

enum exec_per { EXEC_PER_BATCH, EXEC_PER_MESSAGE };

struct exec_options {
    const char *const *command;     /* program and arguments; ends in NULL */
    int per;                        /* enum exec_per: what it is run for */
    const char *const *environment; /* "NAME=value", "NAME"; or NULL */
    const char *folder;             /* its working directory */
    uint64_t time_limit_ms;         /* for each run */
    uint64_t grace_ms;              /* between SIGTERM and SIGKILL */
};

extern const struct option_row exec_option_rows[EXEC_OPTION_COUNT];

/* See struct outlet_type; what may be lacking is the program. */
int exec_options_check(const void *data, char *why, size_t why_size);
bool exec_options_lack(const void *data, char *why, size_t why_size);

#endif
