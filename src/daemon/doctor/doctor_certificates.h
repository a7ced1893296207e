/*
 * doctor_certificates.h - for how long the certificates of a server are valid,
 * as its connections have shown.
 */
#ifndef DAEMON_DOCTOR_CERTIFICATES_H
#define DAEMON_DOCTOR_CERTIFICATES_H

#include "config/config.h"
#include "daemon/doctor/doctor_report.h"

/* Reports the server's certificate and the client's, and that of the CA if it
 * expires soon. Nothing if no connection was made with TLS. */
void doctor_certificates(const struct config_server *server,
                         const struct haplo_server_stats *stats,
                         uint64_t now_ms, const char *subject,
                         struct doctor_report *report);

#endif
