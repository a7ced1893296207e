/*
 * pg_move.h - an inbox in PostgreSQL to which another one is moved.
 */
#ifndef INBOX_POSTGRES_PG_MOVE_H
#define INBOX_POSTGRES_PG_MOVE_H

#include "inbox/inbox_move.h"

/* See struct inbox_type. */
int pg_move_open(const struct inbox_sink_order *order, struct inbox_sink **out,
                 struct reason *why);

#endif
