/*
 * control.h - the control port: scripts and reports over plain HTTP.
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim/http.h"

void sim_control_run(struct sim_connection *connection);

#endif
