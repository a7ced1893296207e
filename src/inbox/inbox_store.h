/*
 * inbox_store.h - what a kind of database does for the group commit: one
 * operations table for each. No function blocks; each answers once, from the
 * loop, never inside the call.
 */
#ifndef INBOX_INBOX_STORE_H
#define INBOX_INBOX_STORE_H

#include "inbox/inbox.h"

/* What became of a group. */
enum inbox_fault {
    INBOX_FINE,   /* committed, and durable */
    INBOX_OUTAGE, /* nothing of it is stored: lock, disk full, connection */
    INBOX_DOUBT,  /* nobody can say: the next compare tells */
    INBOX_NEVER   /* a message of it can never be stored */
};

/* A confirmed state on its way. */
struct inbox_confirm {
    struct inbox_queue *queue;        /* */
    struct haplo_slice state;         /* owned */
    uint64_t marked_at_ms;            /* wall clock */
    STAILQ_ENTRY(inbox_confirm) link; /* */
};

STAILQ_HEAD(inbox_delivery_list, inbox_delivery);
STAILQ_HEAD(inbox_confirm_list, inbox_confirm);
STAILQ_HEAD(inbox_progress_list, inbox_progress);

/* All that one transaction writes. The store compares states, sets each
 * delivery's counts, first_arrival and stored, and its verdict where it is
 * STALE or was stored before; the rest is the fault's. */
struct inbox_group {
    struct inbox_delivery_list deliveries; /* in the order they came */
    struct inbox_confirm_list confirms;    /* */
    struct inbox_progress_list progress;   /* */
    size_t delivery_count;                 /* */
    enum inbox_fault fault;                /* */
    char why[HAPLO_TEXT_SIZE_MAX];         /* one line, unless FINE */
};

/* Every store begins with this. */
struct inbox_store {
    const struct inbox_store_ops *ops; /* */
    struct inbox *inbox;               /* its owner */
};

struct inbox_store_ops {
    int todo; /* open, write, read, outlet_open, lanes, close */
};

#endif
