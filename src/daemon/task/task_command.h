/*
 * task_command.h - what commands have in common that work on an inbox: their
 * options, and who does the work.
 */
#ifndef DAEMON_TASK_COMMAND_H
#define DAEMON_TASK_COMMAND_H

#include "daemon/command.h"
#include "daemon/task/task_request.h"

/* The work is done by the process that uses the state directory; if there is
 * none, here, after opening the inbox. Takes config. Logs the result. */
enum exit_code task_command(struct config *config,
                            const struct task_request *request);

/* NULL: the configuration has no such outlet. */
const struct config_outlet *task_command_outlet(const struct config *config,
                                                const char *name);

#endif
