/*
 * inbox_private.h - an open inbox; and what its group commit tells it.
 */
#ifndef INBOX_INBOX_PRIVATE_H
#define INBOX_INBOX_PRIVATE_H

#include "base/name_table.h"
#include "inbox/group_commit.h"

SLIST_HEAD(inbox_outlet_list, inbox_outlet);

struct inbox {
    char *name;                       /* owned */
    uv_loop_t *loop;                  /* that all of it runs on */
    const struct inbox_type *type;    /* whose store it has */
    struct inbox_store *store;        /* NULL: not open, or closed */
    char uuid[INBOX_UUID_SIZE];       /* of the database */
    struct name_table servers;        /* owned struct inbox_server */
    struct inbox_outlet_list outlets; /* owned */
    struct group_commit commit;       /* the way in */
    int open_error;                   /* of the store; HAPLO_E* or 0 */
    struct reason open_why;           /* the same */
    inbox_opened_cb opened_cb;        /* NULL once it has fired */
    void *opened_data;                /* for opened_cb */
    inbox_stored_cb stored_cb;        /* or NULL */
    void *stored_data;                /* for stored_cb */
    inbox_warning_cb warning_cb;      /* or NULL */
    void *warning_data;               /* for warning_cb */
    inbox_closed_cb closed_cb;        /* of inbox_close(), or NULL */
    void *closed_data;                /* for closed_cb */
    bool is_closing;                  /* inbox_close() was called */
};

/* Messages up to this arrival are stored. */
void inbox_stored(struct inbox *inbox, uint64_t last_arrival);

/* Answers to group_commit_finish() and group_commit_close(). */
void inbox_commit_done(struct inbox *inbox);
void inbox_commit_closed(struct inbox *inbox);

#endif
