/*
 * service.h - a request's way: to its application, through the fair queue, to
 * its answer.
 */
#ifndef SIM_SERVICE_H
#define SIM_SERVICE_H

#include "sim/http.h"

struct sim_app;

/* Takes a complete request; the answer comes now or later. */
void sim_service_run(struct sim_connection *connection);

/* Forgets the requests that wait for an application, at the end. */
void sim_service_abandon(struct sim_app *app);

#endif
