/*
 * inbox_task.h - work on an open inbox that a command asks for, such as
 * deleting dead letters. It is done in steps, each of which is one short
 * transaction, so that it delays no commit of messages for long.
 *
 *   - The owner fills a task and starts it.
 *   - The store carries out a step; the inbox asks for the next one until the
 *     task is done.
 *   - done_cb fires with the result.
 *
 * Failures:
 *
 *   - A step fails: its transaction is rolled back, and the task ends with the
 *     error. Steps before it stay done. So each kind of task can be started
 *     again, and does the rest.
 *   - The inbox closes: the task ends after its current step with
 *     HAPLO_ECANCELED.
 */
#ifndef INBOX_INBOX_TASK_H
#define INBOX_INBOX_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/reason.h"
#include "inbox/inbox.h"
#include "inbox/inbox_filter.h"
#include "inbox/inbox_purge.h"
#include "inbox/inbox_replay.h"
#include "inbox/worker.h"

enum inbox_task_kind {
    INBOX_TASK_LETTERS_PURGE, /* remove dead letters; the messages stay */
    INBOX_TASK_REPLAY_START,  /* record a replay */
    INBOX_TASK_REPLAY_STOP,   /* end one that is not done */
    INBOX_TASK_REPLAY_NEXT,   /* load the next one that an outlet has to do */
    INBOX_TASK_REPLAY_SAVE,   /* store how far one has got */
    INBOX_TASK_OUTLET_FORGET, /* remove all that is stored of an outlet */
    INBOX_TASK_PURGE          /* erase messages: see inbox_purge.h */
};

struct inbox_task;
typedef void (*inbox_task_cb)(struct inbox_task *task, int error,
                              const char *why);

/* Embedded in its owner, which fills the first part. Everything is borrowed
 * until done_cb. */
struct inbox_task {
    enum inbox_task_kind kind;              /* what to do */
    struct inbox_filter filter;             /* with which messages */
    struct inbox_replay *replay;            /* REPLAY_*: which; see there */
    const struct inbox_replay_marks *marks; /* REPLAY_SAVE: what to store */
    struct inbox_purge *purge;              /* PURGE: which; see there */
    inbox_task_cb done_cb; /* once, from the loop; may free the task */
    void *data;            /* for the owner */
    /* Results: */
    uint64_t count; /* rows that were changed */
    /* Set by the store in each step: */
    bool is_done;      /* this was the last step */
    uint64_t position; /* where the next step goes on; at first 0 */
    int error;         /* 0 or HAPLO_E* */
    struct reason why; /* text of error */
    /* Private to the inbox and the store: */
    struct inbox *inbox;           /* where it runs */
    struct worker_job job;         /* for a step that blocks */
    TAILQ_ENTRY(inbox_task) link;  /* in the list of the inbox */
    STAILQ_ENTRY(inbox_task) wait; /* for the store: waits for its step */
};

TAILQ_HEAD(inbox_task_list, inbox_task);
STAILQ_HEAD(inbox_task_queue, inbox_task);

/* Returns 0, and done_cb fires; or an error, and it does not: HAPLO_ESTOPPED if
 * the inbox is closing, HAPLO_EINVAL if its type has no tasks. */
int inbox_task_start(struct inbox *inbox, struct inbox_task *task);

#endif
