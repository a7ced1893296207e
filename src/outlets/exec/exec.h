/*
 * exec.h - the outlet that runs a command for each batch or message;
 * haplo-exec(5) describes what the command gets, and what its exit status
 * means.
 */
#ifndef OUTLETS_EXEC_H
#define OUTLETS_EXEC_H

#include "outlets/exec/exec_options.h"
#include "outlets/outlet.h"

extern const struct outlet_type exec_outlet_type;

#endif
