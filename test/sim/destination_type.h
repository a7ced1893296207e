/*
 * destination_type.h - the simulated kind of outlet, as the forwarder sees it:
 *
 *   - a parcel arrives at the destination after some time, and its answer comes
 *     back after some more;
 *   - the destination is ill (destination.h), a message of it is poison, the
 *     answer gets lost: the parcel is answered so, as a whole or in part;
 *   - the process dies: what is on its way may still arrive.
 */
#ifndef TEST_SIM_DESTINATION_TYPE_H
#define TEST_SIM_DESTINATION_TYPE_H

#include "outlets/outlet.h"

struct process;

/* Options: a struct destination *. */
extern const struct outlet_type destination_type;

/* The process dies. */
void destination_type_process_ends(struct process *process);

#endif
