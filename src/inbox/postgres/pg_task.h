/*
 * pg_task.h - work on an inbox that commands ask for (inbox_task.h): dead
 * letters and replays. pg_step.h has the steps.
 */
#ifndef INBOX_POSTGRES_PG_TASK_H
#define INBOX_POSTGRES_PG_TASK_H

#include "inbox/inbox_store.h"

/* The operation of inbox_store.h. */
void pg_task(struct inbox_store *base, struct inbox_task *task);

#endif
