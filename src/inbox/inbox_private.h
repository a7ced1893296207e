/*
 * inbox_private.h - an open inbox, and the callbacks from its group commit.
 */
#ifndef INBOX_INBOX_PRIVATE_H
#define INBOX_INBOX_PRIVATE_H

#include "base/name_table.h"
#include "inbox/group_commit.h"
#include "inbox/inbox_task.h"

SLIST_HEAD(inbox_outlet_list, inbox_outlet);

struct inbox {
    char *name;                       /* owned */
    uv_loop_t *loop;                  /* borrowed */
    const struct inbox_type *type;    /* its kind of database */
    struct inbox_store *store;        /* NULL: not open, or closed */
    char uuid[INBOX_UUID_SIZE];       /* of the database */
    struct name_table servers;        /* owned struct inbox_server */
    struct inbox_outlet_list outlets; /* owned */
    struct group_commit commit;       /* all writes of messages and progress */
    struct inbox_task_list tasks;     /* that are not done */
    size_t ask_count;                 /* of the fleet, and refreshes, that are
                                         outstanding */
    bool is_commit_done;              /* closing: it waits only for these */
    int open_error;                   /* opening the store: HAPLO_E* or 0 */
    struct reason open_why;           /* text of open_error */
    inbox_opened_cb opened_cb;        /* NULL once it has fired */
    void *data;                       /* the owner's */
    inbox_stored_cb stored_cb;        /* or NULL */
    void *stored_data;                /* for stored_cb */
    inbox_space_cb space_cb;          /* or NULL */
    void *space_data;                 /* for space_cb */
    struct inbox_disk disk;           /* see inbox.h */
    inbox_committed_cb committed_cb;  /* or NULL */
    void *committed_data;             /* for committed_cb */
    inbox_warning_cb warning_cb;      /* or NULL */
    void *warning_data;               /* for warning_cb */
    inbox_closed_cb closed_cb;        /* of inbox_close(), or NULL */
    void *closed_data;                /* for closed_cb */
    bool is_closing;                  /* inbox_close() was called */
};

/* Keeps a copy of the queue's stored state. False if memory runs out: the old
 * one stays, and the next comparison finds it stale. */
bool inbox_queue_keep_state(struct inbox_queue *queue,
                            struct haplo_slice state);

/* The same, without a copy: takes the state. */
void inbox_queue_take_state(struct inbox_queue *queue,
                            struct haplo_slice state);

/* Calls stored_cb. */
void inbox_stored(struct inbox *inbox, const struct inbox_queue *queue,
                  uint64_t last_arrival, size_t count);

/* Calls committed_cb. */
void inbox_committed(struct inbox *inbox, uint64_t duration_us, bool is_stored);

/* Those of a server that are in memory, one after the other: NULL after the
 * last one. *cursor begins with 0. */
struct inbox_queue *inbox_queue_next(struct inbox *inbox, const char *server,
                                     size_t *cursor);

/* To be called when a task has ended, or what ask_count counts. */
void inbox_tasks_changed(struct inbox *inbox);

/* Complete group_commit_finish() and group_commit_close(). */
void inbox_commit_done(struct inbox *inbox);
void inbox_commit_closed(struct inbox *inbox);

#endif
