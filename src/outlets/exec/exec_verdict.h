/*
 * exec_verdict.h - what the end of a command means for the messages it was
 * given; haplo-exec(5) lists the exit statuses. Pure.
 */
#ifndef OUTLETS_EXEC_VERDICT_H
#define OUTLETS_EXEC_VERDICT_H

#include "base/reason.h"
#include "outlets/exec/exec_run.h"
#include "outlets/outlet.h"

/* Sets why to one line, or to "" with OUTLET_DELIVERED. */
enum outlet_verdict exec_verdict(const struct exec_result *result,
                                 const struct exec_command *command,
                                 struct reason *why);

#endif
