/*
 * doctor_servers.h - examines all servers and queues of a configuration, by one
 * fetch of each queue, which changes nothing on the server.
 */
#ifndef DAEMON_DOCTOR_SERVERS_H
#define DAEMON_DOCTOR_SERVERS_H

#include "config/config.h"
#include "daemon/abandon.h"
#include "daemon/doctor/doctor_report.h"

/* Returns when all have been examined. 0, or -1 with why set: it could not
 * start. `abandon` is for the end of the process, see abandon.h. */
int doctor_servers(const struct config *config, struct doctor_report *report,
                   struct abandon *abandon, char *why, size_t why_size);

/* The code that an error of the library is reported with. */
enum diagnostic_code doctor_code_of(int error);

#endif
