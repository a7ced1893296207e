/*
 * report.h - the read-outs of the control port, as JSON.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdbool.h>

#include "sim/server.h"

/* Which applications and queues; NULL: all. */
struct sim_report_filter {
    const char *app;   /* */
    const char *queue; /* */
    bool bytes;        /* messages with their exact bytes */
};

/* What is printed when the simulator listens. */
void sim_report_ready(const struct sim_server *server, struct sim_buffer *to);

void sim_report_stats(const struct sim_server *server,
                      const struct sim_report_filter *filter,
                      struct sim_buffer *to);

void sim_report_messages(const struct sim_server *server,
                         const struct sim_report_filter *filter,
                         struct sim_buffer *to);

void sim_report_faults(const struct sim_server *server, struct sim_buffer *to);

#endif
