/*
 * group_confirm.h - confirmed states on their way into the inbox. Of each queue
 * at most one waits, the newest: it stands for those before it. There is one
 * for each mark, so their memory is used again.
 */
#ifndef INBOX_GROUP_CONFIRM_H
#define INBOX_GROUP_CONFIRM_H

#include <stdbool.h>

#include "inbox/inbox_store.h"

struct group_confirms {
    struct inbox_confirm_list waiting; /* for the next group */
    struct inbox_confirm_list spare;   /* memory to be used again */
    size_t spare_count;                /* length of spare */
};

void group_confirms_init(struct group_confirms *confirms);

/* Copies the state of a confirmed mark to those that wait, in place of an older
 * one of the queue. False if memory runs out, which is equivalent to a crash
 * before it was stored. */
bool group_confirms_add(struct group_confirms *confirms,
                        struct inbox_queue *queue,
                        const struct haplo_mark *mark);

/* Reports the confirmed states of a group that was written. Where it failed
 * they wait again, and the result is true. A stale one is dropped: the queue's
 * next batch is told. */
bool group_confirms_settle(struct group_confirms *confirms,
                           struct inbox_group *group);

/* Drops those that wait, and frees all memory. */
void group_confirms_free(struct group_confirms *confirms);

#endif
