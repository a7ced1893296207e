/*
 * inbox.h - where every message is stored, exactly once, before its server is
 * told to forget it; and from where outlets read it.
 *
 * An inbox is what a configuration calls by a name: a kind of database (the
 * store, inbox_store.h) under the group commit (group_commit.c). All functions
 * are called, and all callbacks fire, on the loop's thread, and no callback
 * fires inside the call that it answers. A store does what blocks on threads of
 * its own.
 *
 * Exactly once rests on the library's contract alone (haplopoll.h, "States"):
 * the messages of a batch that are no repeats, and the batch's state, are
 * stored in one transaction, in which the stored state is compared first.
 */
#ifndef INBOX_INBOX_H
#define INBOX_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "base/option.h"
#include "base/reason.h"
#include "haplopoll.h"
#include "inbox/worker.h"

#define INBOX_UUID_SIZE 37 /* "550e8400-e29b-41d4-a716-446655440000" */

struct inbox;
struct inbox_confirm;   /* inbox_store.h */
struct inbox_outlet;    /* an outlet's progress, as the inbox keeps it */
struct inbox_store_ops; /* inbox_store.h */

/* -- Types ---------------------------------------------------------------- */

/* One row of the registry (inbox_types.c): a kind of database. */
struct inbox_type {
    const char *name;                  /* as in the configuration: "sqlite" */
    const char *help;                  /* one line */
    const struct option_row *options;  /* its own, after name and type */
    size_t option_count;               /* length of options */
    size_t options_size;               /* of the struct that they fill */
    const struct inbox_store_ops *ops; /* what group commit runs on */
    /* See inbox_backup(); NULL: it cannot do that. */
    int (*backup)(const void *options, const char *path, char *why,
                  size_t why_size);
};

/* NULL if there is no such type. */
const struct inbox_type *inbox_type_find(const char *name);

/* The types in their order; NULL past the last. */
const struct inbox_type *inbox_type_at(size_t index);

/* Adds a type that is not part of the program, such as a benchmark's. Borrows
 * it for the process's life. */
void inbox_type_register(const struct inbox_type *type);

/* -- Opening and closing -------------------------------------------------- */

/* Something that an operator should know and no answer tells: one line. */
typedef void (*inbox_warning_cb)(struct inbox *inbox, const char *text,
                                 void *data);

/*
 * The byte limit is what keeps a dead inbox from stopping the queues of
 * another. It counts the bodies of all batches that were delivered to this
 * inbox and are not stored: those that wait, and those answered INBOX_RETRY,
 * which the poller keeps until it delivers them again. The poller's own
 * undelivered_bytes_max counts these and the fetches in flight, over all
 * inboxes, so it must be larger than the sum of theirs: with n inboxes give
 * each 1 / (n + 1) of the poller's limit.
 */
struct inbox_options {
    const char *name;              /* of the configuration; copied */
    const struct inbox_type *type; /* its kind of database; borrowed */
    const void *type_options;      /* what its options filled; borrowed until
                                      opened_cb */
    size_t undelivered_bytes_max;  /* see above; 0: no limit */
    inbox_warning_cb warning_cb;   /* or NULL */
    void *warning_data;            /* for warning_cb */
};

/* error 0; or HAPLO_E* with one line in why, inbox is NULL, and all of it is
 * gone. */
typedef void (*inbox_opened_cb)(struct inbox *inbox, int error, const char *why,
                                void *data);

/* Opens, creates or upgrades it; always answers by opened_cb. The inbox is
 * NULL when there is no memory, and then nothing fires. */
struct inbox *inbox_open(uv_loop_t *loop, const struct inbox_options *options,
                         inbox_opened_cb opened_cb, void *data);

typedef void (*inbox_closed_cb)(void *data);

/* Answers everything that was given to it, commits confirmed states and
 * progress, closes the store, frees the inbox and its queues. */
void inbox_close(struct inbox *inbox, inbox_closed_cb closed_cb, void *data);

/* Copies the database of an inbox that need not be open here, as of one moment,
 * also while others use it. Blocks. 0, or HAPLO_E* with one line in why: the
 * type cannot do that, the file exists, no room ... */
int inbox_backup(const struct inbox_type *type, const void *type_options,
                 const char *path, char *why, size_t why_size);

const char *inbox_name(const struct inbox *inbox);
const char *inbox_uuid(const struct inbox *inbox);

/* -- Queues: the way in --------------------------------------------------- */

/* A queue of which this inbox has, or will have, messages. */
struct inbox_queue {
    struct inbox *inbox;      /* whose queue it is */
    const char *server;       /* its server's name; owned by the inbox */
    const char *name;         /* its own; the same */
    uint64_t id;              /* of its row; 0: none yet */
    struct haplo_slice state; /* as stored when the inbox was opened, or as
                                 committed last; empty: none. Valid until the
                                 loop runs again */
    /* the inbox's own */
    struct inbox_confirm *confirm; /* not stored yet, or NULL */
    size_t held_bytes;             /* of its batch that is not stored */
    bool is_open;                  /* between open and close */
};

/* Finds the queue, or makes it in memory: its row comes with its first batch.
 * Never blocks. HAPLO_EEXIST (it is open), HAPLO_ENOMEM. */
int inbox_queue_open(struct inbox *inbox, const char *server, const char *name,
                     struct inbox_queue **queue);

/* No delivery of it may be under way. */
void inbox_queue_close(struct inbox_queue *queue);

enum inbox_verdict {
    INBOX_STORED,   /* durable, be it now or by an earlier commit */
    INBOX_RETRY,    /* not now: disk full, locked, outcome unknown ... */
    INBOX_REJECTED, /* never: larger than the database can hold */
    INBOX_STALE,    /* the stored state is another one: delivery->stored */
    INBOX_BEHIND    /* the byte limit is reached: drop the batch, so that it is
                       fetched again later */
};

struct inbox_delivery;
typedef void (*inbox_delivered_cb)(struct inbox_delivery *delivery,
                                   enum inbox_verdict verdict, const char *why);

/* Embedded in its owner, which fills the first part. Queue, batch and delivery
 * are borrowed until delivered_cb. */
struct inbox_delivery {
    struct inbox_queue *queue;       /* open; has no other delivery under way */
    const struct haplo_batch *batch; /* not answered yet */
    uint64_t fetched_at_ms;          /* wall clock, Unix milliseconds */
    enum haplo_format format;        /* of its queue */
    inbox_delivered_cb delivered_cb; /* once, from the loop */
    /* set before delivered_cb */
    size_t stored_count;       /* messages stored now */
    size_t repeat_count;       /* messages that were stored already */
    struct haplo_slice stored; /* INBOX_STALE: what is stored; borrowed
                                  during delivered_cb */
    /* the inbox's own */
    const struct haplo_message *messages; /* of the batch */
    size_t count;                         /* of messages */
    size_t new_count;                     /* of those that are no repeats */
    struct haplo_slice state;             /* of the batch */
    size_t bytes;                         /* of bodies */
    enum haplo_compare compare;           /* what the transaction found */
    uint64_t queue_id;                    /* of the queue's row */
    uint64_t first_arrival;               /* of what was stored now; or 0 */
    size_t mended_count;                  /* repeats whose rows were damaged */
    STAILQ_ENTRY(inbox_delivery) link;    /* in the group, or waiting */
};

/* Stores a batch with the next group. */
void inbox_deliver(struct inbox_delivery *delivery);

/* A mark was confirmed: its state is stored with the next group, if it follows
 * the one that is stored. Copies. There is no answer: a state that fails to be
 * stored is tried again, until the next batch's state takes its place. */
void inbox_confirmed(struct inbox_queue *queue, const struct haplo_mark *mark);

/* What is stored as the state of a queue that need not be open; empty: none.
 * Valid until the loop runs again. */
struct haplo_slice inbox_stored_state(const struct inbox *inbox,
                                      const char *server, const char *name);

struct inbox_replace;
typedef void (*inbox_replaced_cb)(struct inbox_replace *replace, int error,
                                  const char *why);

/* For a queue that moves between inboxes: embedded in its owner, which fills
 * the first part; all is borrowed until replaced_cb. */
struct inbox_replace {
    struct inbox_queue *queue;     /* open; no delivery of it under way */
    struct haplo_slice state;      /* what is to be stored */
    inbox_replaced_cb replaced_cb; /* once, from the loop */
    /* the inbox's own */
    uint64_t queue_id;                /* of the queue's row */
    STAILQ_ENTRY(inbox_replace) link; /* in the group, or waiting */
};

/* Stores other bytes as the queue's state, with the next group, whatever was
 * stored. They need not be a state: a queue that has left keeps a note, which
 * makes stale whoever still stores it here. */
void inbox_replace_state(struct inbox_replace *replace);

/* -- Outlets: the way out ------------------------------------------------- */

/* A stored message, as outlets see it. */
struct inbox_message {
    uint64_t arrival;         /* unique and growing in this inbox */
    uint64_t batch_first;     /* arrival of the first message of its batch */
    uint32_t batch_count;     /* messages of its batch that were stored */
    enum haplo_format format; /* of its queue */
    uint64_t queue_id;        /* of its row */
    const char *server;       /* borrowed from the inbox, for its life */
    const char *queue;        /* the same */
    uint64_t received_at_ms;  /* wall clock: when its batch was fetched */
    struct haplo_slice body;  /* exact bytes */
    uint64_t hash;            /* first 8 bytes of haplo_message.key, read as a
                                 big-endian number */
};

/* An outlet's progress: all up to cursor was delivered, filtered out or put
 * aside as a dead letter, but for what is deferred. */
struct inbox_outlet {
    struct inbox *inbox;            /* that it reads from */
    const char *name;               /* owned by the inbox */
    uint64_t id;                    /* of its row; 0: none yet */
    uint64_t cursor;                /* as stored when it was opened, or as
                                       committed last */
    bool is_new;                    /* it has no stored progress: starts at
                                       the oldest message */
    SLIST_ENTRY(inbox_outlet) link; /* the inbox's */
};

typedef void (*inbox_outlet_opened_cb)(struct inbox_outlet *outlet, int error,
                                       const char *why, void *data);

/* Finds the outlet's progress, or begins it. 0, and opened_cb answers (on error
 * outlet is NULL); or HAPLO_ENOMEM, and it does not. The outlet is the inbox's,
 * until the inbox closes. */
int inbox_outlet_open(struct inbox *inbox, const char *name,
                      inbox_outlet_opened_cb opened_cb, void *data);

/* What is read: everything behind `after`, in the order of arrival; or, with
 * queue_id, only what is deferred of that queue. */
struct inbox_read;
typedef void (*inbox_read_cb)(struct inbox_read *read, int error,
                              const char *why);
struct inbox_read {
    struct inbox_outlet *outlet; /* who reads */
    uint64_t after;              /* arrivals above this */
    uint64_t queue_id;           /* 0: all; else the deferred of this queue */
    size_t count_max;            /* messages; at least one is read */
    size_t bytes_max;            /* of bodies; the same */
    inbox_read_cb read_cb;       /* once, from the loop */
    /* set before read_cb; owned by the read until inbox_read_free() */
    struct inbox_message *messages; /* in the order of arrival */
    size_t count;                   /* of messages */
    bool has_more;                  /* there is more behind the last one */
    void *memory;                   /* the store's */
    int error;                      /* the store's */
    struct reason why;              /* the store's */
    struct worker_job job;          /* the store's */
};

void inbox_read_start(struct inbox_read *read);

/* Frees what a read has brought; nothing where it failed. */
void inbox_read_free(struct inbox_read *read);

/* Tells that messages were stored: there is something behind the cursor. Fires
 * after each such commit; NULL: nobody listens. */
typedef void (*inbox_stored_cb)(struct inbox *inbox, uint64_t last_arrival,
                                void *data);
void inbox_listen(struct inbox *inbox, inbox_stored_cb stored_cb, void *data);

struct inbox_place {
    uint64_t queue_id; /* whose message */
    uint64_t arrival;  /* which one */
};

struct inbox_dead_letter {
    uint64_t queue_id; /* whose message */
    uint64_t arrival;  /* which one */
    const char *why;   /* it was refused: one line */
};

/* How far an outlet has come, stored in one transaction with the next group.
 * Never backwards: a lower cursor than the stored one changes nothing. */
struct inbox_progress;
typedef void (*inbox_progress_cb)(struct inbox_progress *progress, int error,
                                  const char *why);
struct inbox_progress {
    struct inbox_outlet *outlet;        /* whose */
    uint64_t cursor;                    /* see struct inbox_outlet */
    const struct inbox_place *deferred; /* passed by the cursor, not done */
    size_t deferred_count;              /* length of deferred */
    const struct inbox_place *settled;  /* deferred before, done now */
    size_t settled_count;               /* length of settled */
    const struct inbox_dead_letter *dead_letters; /* refused for good */
    size_t dead_letter_count;                     /* length of those */
    inbox_progress_cb progress_cb; /* all above is borrowed until it fires;
                                      after an error give it once more: what
                                      was stored already does no harm */
    /* the inbox's own */
    uint64_t outlet_id;                /* of the outlet's row */
    uint64_t stored_cursor;            /* after the transaction */
    STAILQ_ENTRY(inbox_progress) link; /* in the group, or waiting */
};

void inbox_advance(struct inbox_progress *progress);

/* A lane that has deferred messages. */
struct inbox_deferred_lane {
    uint64_t queue_id;      /* whose lane it is */
    const char *server;     /* borrowed from the inbox, for its life */
    const char *queue;      /* the same */
    uint64_t first_arrival; /* of the deferred messages */
    uint64_t count;         /* of them */
};

/* Borrowed lanes. */
typedef void (*inbox_lanes_cb)(struct inbox_outlet *outlet, int error,
                               const char *why,
                               const struct inbox_deferred_lane *lanes,
                               size_t count, void *data);

/* 0, and lanes_cb answers; or HAPLO_ENOMEM, and it does not. */
int inbox_outlet_lanes(struct inbox_outlet *outlet, inbox_lanes_cb lanes_cb,
                       void *data);

#endif
