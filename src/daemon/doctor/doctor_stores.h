/*
 * doctor_stores.h - examines inboxes and outlets, without storing or sending
 * anything. Blocks, as nothing else runs meanwhile.
 */
#ifndef DAEMON_DOCTOR_STORES_H
#define DAEMON_DOCTOR_STORES_H

#include "config/config.h"
#include "daemon/doctor/doctor_report.h"

void doctor_inboxes(const struct config *config, struct doctor_report *report);
void doctor_outlets(const struct config *config, struct doctor_report *report);

#endif
