/*
 * doctor_fleet.h - examines whether this host can share the servers with
 * others. Blocks, as nothing else runs meanwhile.
 */
#ifndef DAEMON_DOCTOR_FLEET_H
#define DAEMON_DOCTOR_FLEET_H

#include "config/config.h"
#include "daemon/doctor/doctor_report.h"

/* Nothing, if the configuration has no fleet. */
void doctor_fleet(const struct config *config, struct doctor_report *report);

#endif
