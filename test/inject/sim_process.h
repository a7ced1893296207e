/*
 * sim_process.h - a haplo-sim beside the sweep, with one queue, TLS, and a
 * folder with a configuration for it. It ends with this process.
 */
#ifndef INJECT_SIM_PROCESS_H
#define INJECT_SIM_PROCESS_H

#include <stddef.h>

struct sim_process {
    char dir[64];  /* ca.pem, keys/app1-q1, poll.yaml */
    char url[64];  /* "https://localhost:4711" */
    char key[128]; /* of app1/q1 */
};

/* Starts it unless that was done. Asserts. */
const struct sim_process *sim_start(void);

/* New messages in app1/q1. */
void sim_add(unsigned count);

/* Messages of app1/q1 that are not marked. */
unsigned sim_unread(void);

#endif
