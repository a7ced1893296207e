/*
 * inbox.h - stores every message exactly once before its server is told to
 * mark it. Outlets read the messages from here.
 *
 * An inbox has a name in the configuration. It consists of a group commit
 * (group_commit.c) on top of a store, one kind of database (inbox_store.h).
 * All functions are called, and all callbacks fire, on the thread of the loop.
 * No callback fires inside the call that causes it. Stores run blocking calls
 * on threads of their own.
 *
 * Exactly-once storage relies on the contract of the library alone
 * (haplopoll.h, "The state contract"): the messages of a batch that are not
 * repeats and the state of the batch are stored in one transaction, which
 * compares the stored state first.
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

/* What is stored in place of the state of a queue that has moved to another
 * inbox. It is not a state. */
#define INBOX_NOTE_MOVED "moved to another inbox"

struct inbox;
struct inbox_confirm;    /* inbox_store.h */
struct inbox_outlet;     /* the stored progress of an outlet */
struct inbox_store_ops;  /* inbox_store.h */
struct inbox_replay;     /* inbox_replay.h */
struct inbox_fleet_view; /* inbox_fleet.h */
struct inbox_sink;       /* inbox_move.h */
struct inbox_sink_order; /* inbox_move.h */
struct inbox_source;     /* inbox_move.h */
struct inbox_view;       /* inbox_view.h */

/* Types */

/* One row of the registry (inbox_types.c): a kind of database. */
struct inbox_type {
    const char *name;                  /* in the configuration: "sqlite" */
    const char *help;                  /* one line for help */
    const struct option_row *options;  /* its own, besides name and type */
    size_t option_count;               /* length of options */
    size_t options_size;               /* size of the struct they fill */
    const struct inbox_store_ops *ops; /* creates and operates its stores */
    /* Implements inbox_backup(); NULL: not supported. */
    int (*backup)(const void *options, const char *path, char *why,
                  size_t why_size);
    /* Implements inbox_view(); NULL: not supported. */
    int (*view)(const void *options, const struct inbox_view *view, char *why,
                size_t why_size);
    /* Implements inbox_migrate(); NULL: upgraded when it is opened. */
    int (*migrate)(const void *options, const char *owner, const char *writer,
                   char *text, size_t text_size);
    /* Implement the functions of the same names in inbox_fleet.h; NULL: not
     * supported. */
    int (*fleet_view)(const void *options, struct inbox_fleet_view *view,
                      char *why, size_t why_size);
    int (*fleet_drain)(const void *options, const char *host, bool is_draining,
                       char *text, size_t text_size);
    /* For inbox_move(): open an inbox that is moved, and one that another is
     * moved to. environment: in which it is used, "" for none. Return 0, or
     * HAPLO_E* with why set. NULL: not supported. */
    int (*source_open)(const void *options, const char *environment,
                       struct inbox_source **source, struct reason *why);
    int (*sink_open)(const struct inbox_sink_order *order,
                     struct inbox_sink **sink, struct reason *why);
    /* What a purge does not reach in this kind of database, besides backups, as
     * lines of a list; NULL: nothing. */
    const char *purge_rest;
};

/* NULL: unknown type. */
const struct inbox_type *inbox_type_find(const char *name);

/* The type at index; NULL past the last. */
const struct inbox_type *inbox_type_at(size_t index);

/* The library without which the type of this name is left out when haplo-poll
 * is built; NULL: none, or unknown. */
const char *inbox_type_needs(const char *name);

/* Adds a type that is not built in, such as that of a benchmark. Borrows it
 * for the lifetime of the process. */
void inbox_type_register(const struct inbox_type *type);

/* Opening and closing */

/* Reports a problem that no result covers: one line for operators. */
typedef void (*inbox_warning_cb)(struct inbox *inbox, const char *text,
                                 void *data);

/*
 * The byte limit keeps a dead inbox from stopping the queues of others. It
 * counts the bodies of all batches that were delivered to this inbox and are
 * not stored: those that are waiting, and those that got INBOX_RETRY, which the
 * poller keeps until it delivers them again. undelivered_bytes_max of the
 * poller counts all of these and the fetches in flight, over all inboxes. So
 * it must exceed the sum of their limits: with n inboxes, give each 1 / (n + 1)
 * of it.
 */
struct inbox_options {
    const char *name;              /* in the configuration; copied */
    const struct inbox_type *type; /* its kind of database; borrowed */
    const void *type_options;      /* filled by its options; borrowed until
                                      opened_cb */
    const char *used_by;           /* this process, for another one that wants
                                      to store into the same database: "X with
                                      state_dir Y"; copied, or NULL */
    const char *environment;       /* in which it is used, "" for none; refused
                                      if the database was used in another one.
                                      Copied. NULL: any */
    const char *arrivals_path;     /* file that remembers how far arrivals have
                                      got, should the database be replaced by
                                      an older copy; copied. NULL: none */
    size_t undelivered_bytes_max;  /* see above; 0: no limit */
    inbox_warning_cb warning_cb;   /* or NULL */
    void *warning_data;            /* for warning_cb */
};

/* error is 0; or HAPLO_E* with one line in why, inbox is NULL, and everything
 * has been freed. HAPLO_EEXIST: another process stores into the database. */
typedef void (*inbox_opened_cb)(struct inbox *inbox, int error, const char *why,
                                void *data);

/* Opens, creates or upgrades an inbox; opened_cb fires in any case. Returns
 * NULL if memory runs out; then it does not fire. data is the owner's. */
struct inbox *inbox_open(uv_loop_t *loop, const struct inbox_options *options,
                         inbox_opened_cb opened_cb, void *data);

typedef void (*inbox_closed_cb)(void *data);

/* Completes all outstanding calls, commits confirmed states and progress,
 * closes the store, and frees the inbox and its queues. */
void inbox_close(struct inbox *inbox, inbox_closed_cb closed_cb, void *data);

/* Copies the database of an inbox, which need not be open here and may be in
 * use, as of one moment. Blocks. Returns 0, or HAPLO_E* with one line in why:
 * the type does not support it, the file exists, the disk is full, and so
 * on. */
int inbox_backup(const struct inbox_type *type, const void *type_options,
                 const char *path, char *why, size_t why_size);

/* Creates or upgrades the tables of an inbox for whose type opening does not do
 * that. owner: how to connect as the role that owns them; NULL: as the inbox
 * does. writer: the role that will store messages, which gets what it needs for
 * that; NULL: nobody. Blocks. Returns 0 with one line in text about what was
 * done; or HAPLO_E* with one line about what failed. */
int inbox_migrate(const struct inbox_type *type, const void *type_options,
                  const char *owner, const char *writer, char *text,
                  size_t text_size);

/* Sets another undelivered_bytes_max. What exceeds it already stays. */
void inbox_set_undelivered_max(struct inbox *inbox, size_t bytes_max);

/* The data passed to inbox_open(). */
void *inbox_data(const struct inbox *inbox);

const char *inbox_name(const struct inbox *inbox);
const char *inbox_uuid(const struct inbox *inbox);

/* Queues: the way in */

/* A queue whose messages this inbox stores. */
struct inbox_queue {
    struct inbox *inbox;      /* whose queue it is */
    const char *server;       /* name of its server; owned by the inbox */
    const char *name;         /* its own name; owned by the inbox */
    uint64_t id;              /* id of its row; 0: none yet */
    struct haplo_slice state; /* last committed state; empty: none. Valid
                                 until the loop runs again */
    /* Private to the inbox: */
    struct inbox_confirm *confirm; /* not stored yet, or NULL */
    size_t held_bytes;             /* bytes of its batch that is not stored */
    size_t state_capacity;         /* of the memory behind state */
    bool is_open;                  /* opened and not closed */
    bool is_confirming;            /* a confirmed state is being written */
    bool is_doubtful;              /* a commit of unknown outcome may have
                                      stored another state */
    bool is_newer;                 /* state, than what a refresh finds */
};

/* Finds the queue, or creates it in memory; its first batch adds its row.
 * Never blocks. HAPLO_EEXIST (already open), HAPLO_ENOMEM. */
int inbox_queue_open(struct inbox *inbox, const char *server, const char *name,
                     struct inbox_queue **out);

/* It must not have an outstanding delivery. */
void inbox_queue_close(struct inbox_queue *queue);

enum inbox_verdict {
    INBOX_STORED,   /* durable, by this commit or an earlier one */
    INBOX_RETRY,    /* not now: disk full, locked, unknown outcome... */
    INBOX_REJECTED, /* never: larger than the database can hold */
    INBOX_STALE,    /* a different state is stored: delivery->stored */
    INBOX_BEHIND    /* the byte limit is reached: drop the batch; it will be
                       fetched again later */
};

struct inbox_delivery;
typedef void (*inbox_delivered_cb)(struct inbox_delivery *delivery,
                                   enum inbox_verdict verdict, const char *why);

/* Embedded in its owner, which fills the first part. Queue, batch and delivery
 * are borrowed until delivered_cb. */
struct inbox_delivery {
    struct inbox_queue *queue;       /* open; without another delivery */
    struct haplo_batch batch;        /* not answered yet */
    uint64_t fetched_at_ms;          /* wall clock, Unix milliseconds */
    enum haplo_format format;        /* format of its queue */
    inbox_delivered_cb delivered_cb; /* once, from the loop */
    /* Set before delivered_cb: */
    size_t stored_count;       /* messages stored by this delivery */
    size_t repeat_count;       /* messages stored before */
    struct haplo_slice stored; /* INBOX_STALE: the stored state; valid
                                  during delivered_cb */
    /* Private to the inbox: */
    const struct haplo_message *messages; /* of the batch */
    size_t count;                         /* of messages */
    size_t new_count;                     /* messages that are not repeats */
    struct haplo_slice state;             /* of the batch */
    size_t bytes;                         /* of bodies */
    enum haplo_compare compare;           /* what the transaction found */
    uint64_t queue_id;                    /* of the queue's row */
    uint64_t first_arrival;               /* of the stored messages; 0: none */
    uint64_t last_arrival;                /* the same; there may be gaps */
    size_t mended_count;                  /* repeats whose rows were damaged */
    STAILQ_ENTRY(inbox_delivery) link;    /* in the group, or waiting */
};

/* Stores a batch in the next group. */
void inbox_deliver(struct inbox_delivery *delivery);

/* To be called when a mark is confirmed: stores its state in the next group if
 * it may follow the stored one. Copies mark. There is no result: if it fails
 * it is retried, until the state of the next batch replaces it. */
void inbox_confirmed(struct inbox_queue *queue, const struct haplo_mark *mark);

/* The queue's batch, which ended with INBOX_RETRY, was dropped and will not be
 * delivered again. It no longer counts toward the byte limit. */
void inbox_batch_dropped(struct inbox_queue *queue);

/* False while a confirmed state of the queue is on its way to the database, so
 * that another state than the stored one follows. */
bool inbox_queue_is_settled(const struct inbox_queue *queue);

/* The stored state of a queue, which need not be open; empty: none. Valid
 * until the loop runs again. */
struct haplo_slice inbox_stored_state(const struct inbox *inbox,
                                      const char *server, const char *name);

/* True if it need not be: a commit of unknown outcome may have stored another
 * state since. */
bool inbox_state_is_doubtful(const struct inbox *inbox, const char *server,
                             const char *name);

struct inbox_replace;
typedef void (*inbox_replaced_cb)(struct inbox_replace *replace, int error,
                                  const char *why);

/* For a queue that moves between inboxes. Embedded in its owner, which fills
 * the first part; everything is borrowed until replaced_cb. */
struct inbox_replace {
    struct inbox_queue *queue;     /* open; without a delivery */
    struct haplo_slice state;      /* bytes to store */
    struct haplo_slice expected;   /* only in place of this state */
    bool is_expected;              /* false: whatever is stored */
    inbox_replaced_cb replaced_cb; /* once, from the loop */
    /* Private to the inbox: */
    uint64_t queue_id;                /* of the queue's row */
    enum haplo_compare compare;       /* STALE: another one is stored */
    struct haplo_slice stored;        /* STALE: a copy of it */
    STAILQ_ENTRY(inbox_replace) link; /* in the group, or waiting */
};

/* Stores other bytes as the state of the queue in the next group. They need not
 * be a state: a queue that has moved away leaves a note, which makes any
 * process that still stores it here stale. If another state than the expected
 * one is stored, because of a commit of unknown outcome or of another process,
 * nothing is written: replaced_cb gets HAPLO_ESTALE, and inbox_stored_state()
 * is that state. */
void inbox_replace_state(struct inbox_replace *replace);

/* The disk of the inbox is nearly full, or has room again; why: one line.
 * While it is, all deliveries get INBOX_RETRY with this reason, so that what
 * room there is goes to confirmed states and progress. */
typedef void (*inbox_space_cb)(struct inbox *inbox, bool is_short,
                               const char *why, void *data);
void inbox_listen_space(struct inbox *inbox, inbox_space_cb space_cb,
                        void *data);

/* What is known of the disk of an inbox, as of the last group or so. */
struct inbox_disk {
    uint64_t free_bytes; /* free on it */
    uint64_t disk_bytes; /* its size; 0: nothing is known */
    uint64_t wal_bytes;  /* of the write-ahead log */
};
struct inbox_disk inbox_disk(const struct inbox *inbox);

/* A group was written: how long that took, and whether it was stored. */
typedef void (*inbox_committed_cb)(struct inbox *inbox, uint64_t duration_us,
                                   bool is_stored, void *data);
void inbox_listen_commits(struct inbox *inbox, inbox_committed_cb committed_cb,
                          void *data);

/* The reason while it is nearly full; otherwise NULL. */
const char *inbox_short_why(const struct inbox *inbox);

/* Outlets: the way out */

/* A stored message, as outlets see it. */
struct inbox_message {
    uint64_t arrival;         /* unique in this inbox, ascending */
    uint64_t batch_first;     /* arrival of the first message of its batch */
    uint32_t batch_count;     /* messages of its batch that were stored */
    enum haplo_format format; /* format of its queue */
    uint64_t queue_id;        /* id of the row of its queue */
    const char *server;       /* borrowed until the inbox is closed */
    const char *queue;        /* borrowed until the inbox is closed */
    uint64_t received_at_ms;  /* wall clock: when its batch was fetched */
    struct haplo_slice body;  /* exact bytes */
    uint64_t hash;            /* first 8 bytes of haplo_message.key, read as a
                                 big-endian number */
};

/*
 * The progress of an outlet: everything up to the cursor has been delivered,
 * filtered out or stored as a dead letter, except deferred messages.
 *
 * In some inboxes a lower arrival may become visible after a higher one, so
 * that no cursor can tell what was passed. Arrivals are in order per queue
 * only, and the progress is a position in each queue: everything up to it has
 * been delivered, filtered out or stored as a dead letter. Nothing is ever
 * deferred.
 */
struct inbox_outlet {
    struct inbox *inbox;            /* the inbox it reads from */
    const char *name;               /* owned by the inbox */
    uint64_t id;                    /* id of its row; 0: none yet */
    bool is_by_queue;               /* has positions instead of a cursor */
    uint64_t cursor;                /* last committed cursor */
    bool is_new;                    /* no stored progress yet */
    SLIST_ENTRY(inbox_outlet) link; /* in the list of the inbox */
};

typedef void (*inbox_outlet_opened_cb)(struct inbox_outlet *outlet, int error,
                                       const char *why, void *data);

/* Where an outlet without stored progress begins; any other value: with the
 * first message that was received at this time or later (wall clock, Unix
 * milliseconds). */
#define INBOX_START_BEGINNING UINT64_C(0) /* with the oldest message */
#define INBOX_START_NOW UINT64_MAX        /* with the next one to arrive */

/* Loads the progress of an outlet. If none is stored yet, the cursor is where
 * the outlet starts, and is_new is set; store this progress before anything
 * else, since "now" would be another moment later. Returns 0, and opened_cb
 * fires (on error with outlet NULL); or HAPLO_ENOMEM, and it does not. The
 * inbox owns the outlet. */
int inbox_outlet_open(struct inbox *inbox, const char *name, uint64_t start_ms,
                      inbox_outlet_opened_cb opened_cb, void *data);

/* To be called when the outlets that there are have these names, and again when
 * they have others. From now on, the inbox deletes messages that are older than
 * its retention period, if it has one, and that all outlets have passed: these,
 * once each has stored progress, and all others with stored progress. Copies
 * the names. */
void inbox_retain(struct inbox *inbox, const char *const *outlets,
                  size_t outlet_count);

/* Another process deletes old messages, or no longer does. Of several that use
 * a database, one is enough. */
void inbox_pause_retention(struct inbox *inbox, bool is_paused);

/* A queue to read from, if the outlet has positions. */
struct inbox_read_lane {
    uint64_t queue_id; /* whose messages */
    uint64_t after;    /* read arrivals above this, and above the stored
                          position */
};

/*
 * Reads all messages after `after` in order of arrival, or with queue_id only
 * the deferred messages of that queue.
 *
 * If the outlet has positions, it reads several lanes instead: the messages of
 * one after the other, in the order of `lanes`, each in order of arrival. With
 * has_more, the lane of the last message may have more, and those after it have
 * not been read; if no message was read, all lanes may have some.
 */
struct inbox_read;
typedef void (*inbox_read_cb)(struct inbox_read *read, int error,
                              const char *why);
struct inbox_read {
    struct inbox_outlet *outlet; /* the reader */
    uint64_t after;              /* read arrivals above this */
    uint64_t queue_id;           /* 0: all; otherwise deferred ones of this */
    const struct inbox_replay *replay;   /* instead of these, if not NULL: what
                                            it sends again, after `after`, up to
                                            its last one, in order of arrival,
                                            whatever the inbox is in order of;
                                            borrowed */
    const struct inbox_read_lane *lanes; /* instead of these two, if the outlet
                                            has positions; borrowed */
    size_t lane_count;                   /* length of lanes */
    size_t count_max;                    /* limit; at least one is read */
    size_t bytes_max;      /* limit of bodies; at least one is read */
    inbox_read_cb read_cb; /* once, from the loop */
    /* Set before read_cb; owned by the read until inbox_read_free(): */
    struct inbox_message *messages; /* see above */
    size_t count;                   /* of messages */
    bool has_more;                  /* there are more after the last one */
    void *memory;                   /* owned by the store */
    int error;                      /* set by the store */
    struct reason why;              /* set by the store */
    struct worker_job job;          /* used by the store */
};

void inbox_read_start(struct inbox_read *read);

/* Frees the result of a read; does nothing if it failed. */
void inbox_read_free(struct inbox_read *read);

/* Tells that messages of a queue were stored: so many, and the last of them.
 * Fires for each batch after its commit. queue is NULL if it is not known what
 * was stored: the outcome of a commit is unknown, or another process has stored
 * messages; inbox_outlet_lanes() finds them. stored_cb NULL: nobody listens. */
typedef void (*inbox_stored_cb)(struct inbox *inbox,
                                const struct inbox_queue *queue,
                                uint64_t last_arrival, size_t count,
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
    uint64_t attempts; /* how often it was sent */
};

/* New progress of an outlet, stored in the next group. The cursor and positions
 * never move backwards: one lower than the stored one changes nothing. */
struct inbox_progress;
typedef void (*inbox_progress_cb)(struct inbox_progress *progress, int error,
                                  const char *why);
struct inbox_progress {
    struct inbox_outlet *outlet;        /* whose */
    uint64_t cursor;                    /* see struct inbox_outlet */
    const struct inbox_place *deferred; /* passed by the cursor, but not done */
    size_t deferred_count;              /* length of deferred */
    const struct inbox_place *settled;  /* deferred before, done now */
    size_t settled_count;               /* length of settled */
    const struct inbox_place *positions; /* instead of all these, if the outlet
                                            has positions; one per queue */
    size_t position_count;               /* length of positions */
    const struct inbox_dead_letter *dead_letters; /* refused permanently */
    size_t dead_letter_count;                     /* length of dead_letters */
    inbox_progress_cb progress_cb; /* all above is borrowed until it fires;
                                      after an error pass it again, even if
                                      parts of it were stored */
    /* Private to the inbox: */
    uint64_t outlet_id;                /* of the outlet's row */
    uint64_t stored_cursor;            /* after the transaction */
    STAILQ_ENTRY(inbox_progress) link; /* in the group, or waiting */
};

void inbox_advance(struct inbox_progress *progress);

/* A lane that has deferred messages or, if the outlet has positions, messages
 * after its position: in any case those of other processes that were committed
 * before the request, and those for which stored_cb has fired. */
struct inbox_deferred_lane {
    uint64_t queue_id;      /* the queue of the lane */
    const char *server;     /* borrowed until the inbox is closed */
    const char *queue;      /* borrowed until the inbox is closed */
    uint64_t first_arrival; /* first deferred message; 0: it has a position */
    uint64_t last_arrival;  /* if it has a position: newest message */
    uint64_t count;         /* number of deferred messages */
};

/* lanes is borrowed. */
typedef void (*inbox_lanes_cb)(struct inbox_outlet *outlet, int error,
                               const char *why,
                               const struct inbox_deferred_lane *lanes,
                               size_t count, void *data);

/* slots: of the servers whose lanes are wanted, FLEET_SLOT_COUNT values
 * (fleet/placement.h), read during the call only; others may be reported as
 * well. NULL: all. Returns 0, and lanes_cb fires; or HAPLO_ENOMEM, and it does
 * not. */
int inbox_outlet_lanes(struct inbox_outlet *outlet, const bool *slots,
                       inbox_lanes_cb lanes_cb, void *data);

#endif
