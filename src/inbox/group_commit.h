/*
 * group_commit.h - what comes together is stored by one transaction, whatever
 * the database: see group_commit.c.
 */
#ifndef INBOX_GROUP_COMMIT_H
#define INBOX_GROUP_COMMIT_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "inbox/inbox_store.h"

/* A group holds at least one delivery, whatever its size. The limits keep a
 * commit short. */
#define GROUP_ROW_COUNT_MAX 4096
#define GROUP_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct group_commit {
    struct inbox *inbox;                 /* whose it is */
    const struct inbox_store_ops *ops;   /* of its store */
    struct inbox_store *store;           /* NULL until it is open */
    struct inbox_delivery_list waiting;  /* for the next group */
    struct inbox_delivery_list refused;  /* beyond the byte limit */
    struct inbox_confirm_list confirms;  /* for the next group */
    struct inbox_replace_list replaces;  /* the same */
    struct inbox_progress_list progress; /* the same */
    struct inbox_group group;            /* being written */
    size_t alone_count;    /* of waiting: each is to be a group of its own */
    size_t held_bytes;     /* of batches that are not stored */
    size_t held_max;       /* of held_bytes; 0: none */
    bool is_writing;       /* the store has the group, or it is answered */
    bool is_confirm_due;   /* confirms may make a group by themselves */
    bool is_finishing;     /* inbox_commit_done() when nothing is left */
    unsigned handle_count; /* open in the loop */
    uv_idle_t start;       /* the next turn of the loop */
    uv_timer_t retry;      /* of confirms */
};

/* Its handles are in the loop until group_commit_close() has answered. */
void group_commit_open(struct group_commit *commit, struct inbox *inbox,
                       uv_loop_t *loop, size_t held_max);

/* What inbox.h calls inbox_deliver(), inbox_confirmed() and so on. */
void group_commit_deliver(struct group_commit *commit,
                          struct inbox_delivery *delivery);
void group_commit_confirm(struct group_commit *commit,
                          struct inbox_queue *queue,
                          const struct haplo_mark *mark);
void group_commit_replace(struct group_commit *commit,
                          struct inbox_replace *replace);
void group_commit_advance(struct group_commit *commit,
                          struct inbox_progress *progress);

/* The store has written the group. */
void group_commit_written(struct group_commit *commit);

/* The batch of a queue that is closed is no longer counted. */
void group_commit_forget(struct group_commit *commit,
                         struct inbox_queue *queue);

/* Writes and answers all that it was given, tries confirmed states once more,
 * then calls inbox_commit_done() from the loop. */
void group_commit_finish(struct group_commit *commit);

/* Takes the handles out of the loop; then inbox_commit_closed(). */
void group_commit_close(struct group_commit *commit);

#endif
