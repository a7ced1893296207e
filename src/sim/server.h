/*
 * server.h - the running simulator: the world, its ports, its clock.
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
    struct sim_world world;         /* */
    struct sim_command command;     /* */
    uv_loop_t *loop;                /* borrowed */
    struct sim_listener *listeners; /* owned; the control port too */
    struct sim_listener *control;   /* one of them */
    struct sim_authority authority; /* of good certificates */
    struct sim_authority unknown;   /* of certificates nobody trusts */
    uv_timer_t tick;                /* rates, end of refusing */
    int64_t tick_ms;                /* when it ran last */
    uint64_t connection_id_last;    /* */
    bool stopping;                  /* */
    uv_signal_t signals[2];         /* SIGTERM, SIGINT */
    uv_pipe_t input;                /* standard input, until it closes */
    bool has_input;                 /* */
};

/* Starts with an empty world and no ports. */
void sim_server_init(struct sim_server *server, uv_loop_t *loop);

/* Opens the control port: false and a message otherwise. */
bool sim_server_open_control(struct sim_server *server, char *error,
                             size_t error_size);

/* Brings ports, certificates, key files and the tick in line with the world.
 * False and a message when something cannot be had. */
bool sim_server_sync(struct sim_server *server, char *error, size_t error_size);

/* Reads the clock; once per wake-up. */
void sim_server_clock(struct sim_server *server);

/* Closes everything; the loop then ends by itself. */
void sim_server_stop(struct sim_server *server);

/* After the loop has ended. */
void sim_server_free(struct sim_server *server);

#endif
