/*
 * service_status.h - the line that systemctl(1) shows as the status of the
 * service: what is polled, and what does not work. It is sent again within
 * seconds when it has changed. Without a service manager, nothing is done.
 */
#ifndef DAEMON_SERVICE_STATUS_H
#define DAEMON_SERVICE_STATUS_H

#include <uv.h>

#include "daemon/log/summary.h"
#include "daemon/session.h"

#define SERVICE_STATUS_MS 2000 /* between two looks */

struct service_status {
    struct session *session;      /* borrowed */
    uv_timer_t timer;             /* looks again; unreferenced */
    char told[SUMMARY_TEXT_SIZE]; /* the newest line that was sent */
};

/* To be called when everything has started. */
void service_status_open(struct service_status *status,
                         struct session *session);

/* Tells the service manager that the service works, with the line as it is
 * now: at the start, and after each reload. */
void service_status_ready(struct service_status *status);

void service_status_close(struct service_status *status);

#endif
