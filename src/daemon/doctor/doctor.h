/*
 * doctor.h - what `doctor` and `check --deep` do.
 */
#ifndef DAEMON_DOCTOR_H
#define DAEMON_DOCTOR_H

#include "daemon/command.h"

/* Examines what a valid configuration names, and prints the findings. Returns
 * what the command returns. */
enum exit_code doctor_run(const struct config *config, bool is_json);

#endif
