/*
 * app_fleet.h - the daemon's part in a fleet, as src/daemon/session.c starts
 * and ends it.
 */
#ifndef TEST_SIM_APP_FLEET_H
#define TEST_SIM_APP_FLEET_H

#include <stdint.h>

struct process;

/* Before and after the gather is opened. */
void app_fleet_init(struct process *process);
void app_fleet_start(struct process *process);

/* Leaves the fleet, if it is in one, and closes the gather; for at most
 * deadline_ms. May be called again. */
void app_fleet_end(struct process *process, uint64_t deadline_ms);

void app_fleet_free(struct process *process);

#endif
