/*
 * spoil.h - carries out a fault: changes a response, or the way its bytes are
 * sent.
 */
#ifndef SIM_SPOIL_H
#define SIM_SPOIL_H

#include "sim/faults.h"
#include "sim/http.h"
#include "sim/responses.h"

/* Changes or replaces a response. */
void sim_spoil_response(const struct sim_fault *fault,
                        struct sim_response *response);

/* Changes the bytes of a response, or their delivery. */
void sim_spoil_delivery(const struct sim_fault *fault, struct sim_buffer *bytes,
                        struct sim_delivery *delivery);

/* The status that the client receives; 0: none. fault may be NULL. */
int sim_spoil_status(const struct sim_fault *fault,
                     const struct sim_response *response);

#endif
