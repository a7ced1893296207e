/*
 * task_run.h - carries out a request for work on an inbox, in the process that
 * has it open.
 */
#ifndef DAEMON_TASK_RUN_H
#define DAEMON_TASK_RUN_H

#include "daemon/command.h"
#include "daemon/gather/gather.h"
#include "daemon/task/task_request.h"

/* text: the result in one line. */
typedef void (*task_run_cb)(enum exit_code code, const char *text, void *data);

/* Copies request. done_cb fires once, perhaps inside the call. */
void task_run(struct gather *gather, const struct task_request *request,
              task_run_cb done_cb, void *data);

#endif
