/*
 * store_type.h - a simulated database for the group commit: the operations of
 * inbox/inbox_store.h in virtual time.
 *
 *   - A group is written after a delay, in one step, and then reported.
 *   - If the disk is full or the database unreachable, nothing is stored.
 *   - If a part of the group can never be stored, nothing is stored either.
 *   - If the connection is lost at the commit, the group may be stored or not,
 *     and the process cannot know.
 *   - If the process dies, the group may be stored or not.
 */
#ifndef TEST_SIM_STORE_TYPE_H
#define TEST_SIM_STORE_TYPE_H

#include "inbox/inbox.h"

struct inbox_store;
struct process;
struct store;

/* Options: a struct store *, the one to open. */
extern const struct inbox_type store_type;

/* Of an open one. */
struct process *store_type_process(struct inbox_store *store);
struct store *store_type_store(struct inbox_store *store);

/* The process dies. Operations in progress may still be executed. */
void store_type_process_ends(struct process *process);

#endif
