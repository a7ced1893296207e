/*
 * destination_type.h - a simulated outlet driver, as the forwarder sees it.
 *
 *   - A parcel arrives at the destination after a delay, and its outcome is
 *     reported after another.
 *   - If the destination has a fault (destination.h), a message is poison, or
 *     the acknowledgement is lost, the parcel fails, as a whole or in part.
 *   - If the process dies, a parcel in transit may still arrive.
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
