/*
 * serve.h - the protocol itself: how the server responds to a request.
 */
#ifndef SIM_SERVE_H
#define SIM_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/http.h"
#include "sim/responses.h"

struct sim_world;

struct sim_outcome {
    struct sim_response response;
    uint64_t count;          /* messages returned or marked */
    struct sim_buffer token; /* owned; returned or posted */
    bool has_token;          /* false: none was sent */
};

/* Serves the request and fills an empty outcome. */
void sim_serve(struct sim_turn *turn, struct sim_outcome *outcome);

/* The page for a refused POST, which does not tell the reason. */
void sim_serve_refused_post(struct sim_turn *turn,
                            struct sim_response *response);

bool sim_turn_is_post(const struct sim_turn *turn);

struct sim_world *sim_turn_world(const struct sim_turn *turn);

#endif
