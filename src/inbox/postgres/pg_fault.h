/*
 * pg_fault.h - what an error of PostgreSQL means for a group. Pure.
 */
#ifndef INBOX_POSTGRES_PG_FAULT_H
#define INBOX_POSTGRES_PG_FAULT_H

#include <stdbool.h>

#include "base/command_hint.h"
#include "inbox/inbox_store.h"

/* For the SQLSTATE of any statement before COMMIT, which the server has
 * rejected: nothing was stored. */
enum inbox_fault pg_fault(const char *sqlstate);

/* For the SQLSTATE of COMMIT. */
enum inbox_fault pg_fault_of_commit(const char *sqlstate);

/* True if a value that PostgreSQL derives from a message, such as its jsonb,
 * may be the cause: without it the message can be stored. */
bool pg_fault_is_of_value(const char *sqlstate);

/* True if another server, or a new connection, may do better. */
bool pg_fault_is_of_server(const char *sqlstate);

/* What to do about it in the inbox of this name, after ": "; or "". Returns
 * text. */
#define PG_FAULT_ADVICE_SIZE (COMMAND_HINT_SIZE + 128)
const char *pg_fault_advice(const char *sqlstate, const char *inbox,
                            char text[PG_FAULT_ADVICE_SIZE]);

#endif
