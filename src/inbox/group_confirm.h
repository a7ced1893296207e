/*
 * group_confirm.h - confirmed states on their way into the inbox. Of each queue
 * at most one waits, the newest: it stands for those before it.
 */
#ifndef INBOX_GROUP_CONFIRM_H
#define INBOX_GROUP_CONFIRM_H

#include <stdbool.h>

#include "inbox/inbox_store.h"

/* Copies the state of a confirmed mark to those that wait, in place of an older
 * one of the queue. False if memory runs out, which is equivalent to a crash
 * before it was stored. */
bool group_confirm_add(struct inbox_confirm_list *waiting,
                       struct inbox_queue *queue,
                       const struct haplo_mark *mark);

/* Reports the confirmed states of a group that was written. Where it failed
 * they wait again, and the result is true. A stale one is dropped: the queue's
 * next batch is told. */
bool group_confirms_settle(struct inbox_group *group,
                           struct inbox_confirm_list *waiting);

/* Frees those that wait. */
void group_confirms_drop(struct inbox_confirm_list *waiting);

#endif
