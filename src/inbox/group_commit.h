/*
 * group_commit.h - stores what arrives together in one transaction, for any
 * database; see group_commit.c.
 */
#ifndef INBOX_GROUP_COMMIT_H
#define INBOX_GROUP_COMMIT_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "inbox/group_confirm.h"

/* These limits keep commits short. A single delivery may exceed them. */
#define GROUP_ROW_COUNT_MAX 4096
#define GROUP_BYTES_MAX ((size_t)8 * 1024 * 1024)

struct group_commit {
    struct inbox *inbox;                 /* borrowed; its owner */
    const struct inbox_store_ops *ops;   /* operations of the store */
    struct inbox_store *store;           /* NULL until it is open */
    struct inbox_delivery_list waiting;  /* for the next group */
    struct inbox_delivery_list refused;  /* beyond the byte limit */
    struct group_confirms confirms;      /* confirmed states */
    struct inbox_replace_list replaces;  /* for the next group */
    struct inbox_progress_list progress; /* for the next group */
    struct inbox_group group;            /* being written */
    size_t alone_count;      /* how many of waiting get a group each */
    size_t held_bytes;       /* bytes of batches that are not stored yet */
    size_t held_max;         /* limit for held_bytes; 0: none */
    uint64_t write_began_ns; /* when the group was passed to the store */
    bool is_writing;         /* a group is being written or reported */
    bool is_confirm_due;     /* confirms alone may form a group */
    bool is_finishing;       /* call inbox_commit_done() when idle */
    bool is_short;           /* the disk is nearly full: no deliveries */
    struct reason short_why; /* text of is_short */
    unsigned handle_count;   /* open handles */
    uv_idle_t start;         /* starts a group in the next iteration */
    uv_timer_t retry;        /* retries confirms */
};

/* Its handles stay open until inbox_commit_closed(). */
void group_commit_open(struct group_commit *commit, struct inbox *inbox,
                       uv_loop_t *loop, size_t held_max);

/* Implement inbox_deliver(), inbox_confirmed() and so on. */
void group_commit_deliver(struct group_commit *commit,
                          struct inbox_delivery *delivery);
void group_commit_confirm(struct group_commit *commit,
                          struct inbox_queue *queue,
                          const struct haplo_mark *mark);
void group_commit_replace(struct group_commit *commit,
                          struct inbox_replace *replace);
void group_commit_advance(struct group_commit *commit,
                          struct inbox_progress *progress);

/* To be called when the store has written the group. */
void group_commit_written(struct group_commit *commit);

/* While space is short, deliveries are told to retry, with this reason. */
void group_commit_note_space(struct group_commit *commit, bool is_short,
                             const char *why);

/* Stops counting the batch of a queue that was closed. */
void group_commit_forget(struct group_commit *commit,
                         struct inbox_queue *queue);

/* Writes everything outstanding, tries confirmed states once more, then calls
 * inbox_commit_done() from the loop. */
void group_commit_finish(struct group_commit *commit);

/* Closes the handles, then calls inbox_commit_closed(). */
void group_commit_close(struct group_commit *commit);

#endif
