/*
 * server.h - the running simulator: the world, its ports and its clock.
 */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "sim/certificate.h"
#include "sim/listener.h"
#include "sim/options.h"
#include "sim/world.h"

struct sim_server {
    struct sim_world world;
    struct sim_command command;
    uv_loop_t *loop;                /* borrowed */
    struct sim_listener *listeners; /* owned; includes the control port */
    struct sim_listener *control;   /* one of them */
    struct sim_authority authority; /* issues good certificates */
    struct sim_authority unknown;   /* issues certificates nobody trusts */
    uv_timer_t tick;                /* drives rates and ends outages */
    int64_t tick_ms;                /* time of the last tick */
    uint64_t connection_id_last;
    bool stopping;          /* shutdown has begun */
    uv_signal_t signals[2]; /* SIGTERM, SIGINT */
    uv_pipe_t input;        /* standard input, for --until-stdin-closes */
    bool has_input;         /* input is initialised */
};

/* Initialises an empty world without ports. */
void sim_server_init(struct sim_server *server, uv_loop_t *loop);

/* Opens the control port. Returns false and sets error on failure. */
bool sim_server_open_control(struct sim_server *server, char *error,
                             size_t error_size);

/* Makes ports, certificates, key files and the tick match the world, after a
 * script has changed it. Returns false and sets error on failure. */
bool sim_server_sync(struct sim_server *server, char *error, size_t error_size);

/* Updates the clock; once per wake-up. */
void sim_server_clock(struct sim_server *server);

/* Closes everything, after which the loop ends. */
void sim_server_stop(struct sim_server *server);

/* To be called after the loop has ended. */
void sim_server_free(struct sim_server *server);

#endif
