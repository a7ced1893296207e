/*
 * group_write.h - writes a group: into the record and, where there is one,
 * through the outlet. Blocking; on a worker thread.
 */
#ifndef SINKS_GROUP_WRITE_H
#define SINKS_GROUP_WRITE_H

#include "sinks/outlet.h"
#include "sinks/record_group.h"
#include "sinks/record_store.h"

/* Sets the group's is_recorded and fault, and the deliveries' counts; then
 * record_group_verdict() tells of each delivery. outlet may be NULL. */
void group_write(struct record_group *group, struct record_store *store,
                 struct outlet *outlet);

#endif
