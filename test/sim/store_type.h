/*
 * store_type.h - the simulated kind of database, as the group commit sees it:
 * the operations of inbox/inbox_store.h in virtual time.
 *
 *   - a group is written after some time: in one step, then it is answered;
 *   - the disk is full, the database out of reach: nothing of it is stored;
 *   - a part of it can never be stored: nothing of it is, either;
 *   - the connection is lost at the commit: it may be stored or not, and nobody
 *     is told;
 *   - the process dies: it may be stored or not.
 */
#ifndef TEST_SIM_STORE_TYPE_H
#define TEST_SIM_STORE_TYPE_H

#include "inbox/inbox.h"

struct process;

/* Options: a struct store *, the one to open. */
extern const struct inbox_type store_type;

/* The process dies: what is under way may still be carried out. */
void store_type_process_ends(struct process *process);

#endif
