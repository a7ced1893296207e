/*
 * report.h - the JSON documents that the control port returns.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdbool.h>

#include "sim/server.h"

/* Selects applications and queues by name; NULL: all. */
struct sim_report_filter {
    const char *app;
    const char *queue;
    bool bytes; /* include the exact bytes of messages */
};

/* The ready line, printed once the simulator serves. */
void sim_report_ready(const struct sim_server *server, struct sim_buffer *to);

void sim_report_stats(const struct sim_server *server,
                      const struct sim_report_filter *filter,
                      struct sim_buffer *to);

void sim_report_messages(const struct sim_server *server,
                         const struct sim_report_filter *filter,
                         struct sim_buffer *to);

void sim_report_faults(const struct sim_server *server, struct sim_buffer *to);

#endif
