/*
 * spoil.h - carries a fault out: on an answer, and on how its bytes travel.
 */
#ifndef SIM_SPOIL_H
#define SIM_SPOIL_H

#include "sim/faults.h"
#include "sim/http.h"
#include "sim/responses.h"

/* Changes or replaces an answer. */
void sim_spoil_response(const struct sim_fault *fault,
                        struct sim_response *response);

/* Changes the answer's bytes or their delivery. */
void sim_spoil_delivery(const struct sim_fault *fault, struct sim_buffer *bytes,
                        struct sim_delivery *delivery);

/* The status that the client can see; 0: none. fault may be NULL. */
int sim_spoil_status(const struct sim_fault *fault,
                     const struct sim_response *response);

#endif
