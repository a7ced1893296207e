/*
 * outlet_log.h - logs events of outlets: changes, not each attempt.
 */
#ifndef DAEMON_OUTLET_LOG_H
#define DAEMON_OUTLET_LOG_H

#include "base/name_table.h"
#include "outlets/forwarder/forwarder.h"

struct outlet_log {
    struct name_table waits; /* outlets and lanes that wait; owned */
};

void outlet_log_init(struct outlet_log *log);
void outlet_log_free(struct outlet_log *log);

/* Logs an event if somebody should know of it. */
void outlet_log_note(struct outlet_log *log,
                     const struct forwarder_event *event);

#endif
