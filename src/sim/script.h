/*
 * script.h - runs scripts, which come from scenario files, POST /script of the
 * control port, and arguments. A line is `verb name... word=value...`.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "sim/world.h"

struct sim_script_result {
    size_t line; /* the line that failed, from 1 */
    char error[700];
    uint64_t fault_id;     /* of the last fault added; 0: none */
    uint64_t message_last; /* id of the last message added; 0: none */
    uint64_t count;        /* messages added or unsent */
};

/* Runs lines until one fails. Those before it stay in effect. */
bool sim_script_run(struct sim_world *world, const char *text, size_t size,
                    struct sim_script_result *result);

void sim_script_help(FILE *to);

#endif
