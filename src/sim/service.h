/*
 * service.h - the path of a request: it finds its application, waits for a
 * slot, is served and gets a response.
 */
#ifndef SIM_SERVICE_H
#define SIM_SERVICE_H

#include "sim/http.h"

struct sim_app;

/* Handles a complete request; the response is sent now or later. */
void sim_service_run(struct sim_connection *connection);

/* Drops the waiting requests of an application, at shutdown. */
void sim_service_abandon(struct sim_app *app);

#endif
