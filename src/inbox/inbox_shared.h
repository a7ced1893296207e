/*
 * inbox_shared.h - what hosts that share the servers of a configuration tell
 * each other through their inbox: failed logins, keys that were refused, and
 * queues that operators have paused.
 *
 * Each host writes what changes there as it happens, and reads what others have
 * written with the requests by which it renews its membership: see
 * inbox_fleet.h.
 */
#ifndef INBOX_INBOX_SHARED_H
#define INBOX_INBOX_SHARED_H

#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox.h"

#define INBOX_CHANGE_COUNT_MAX 12 /* of one write */

/* Consecutive failed logins of all hosts at a site: see haplo_failed_logins in
 * haplopoll.h. */
struct inbox_shared_logins {
    const char *site;    /* host name or address with the port, or a group */
    const char *same_as; /* a site that comes before, or NULL */
    uint64_t count;      /* of all hosts */
    uint64_t age_ms;     /* of the newest one, by the database's clock */
};

/* A queue whose key was refused when it was last tried. */
struct inbox_shared_key {
    const char *server;
    const char *queue;
};

/* A queue that an operator has paused. */
struct inbox_shared_pause {
    const char *server;
    const char *queue;
    const char *by;     /* who */
    const char *reason; /* "": none given */
    uint64_t at_ms;     /* wall clock of the host, Unix milliseconds */
};

/* All there is. */
struct inbox_shared {
    struct inbox_shared_logins *logins; /* those without same_as come first */
    size_t login_count;                 /* length of logins */
    struct inbox_shared_key *keys;
    size_t key_count; /* length of keys */
    struct inbox_shared_pause *pauses;
    size_t pause_count; /* length of pauses */
};

enum inbox_change_kind {
    INBOX_LOGINS_FAILED,  /* so many more; after a time without any, the count
                             starts again */
    INBOX_LOGINS_CLEARED, /* a login was successful: unless the count has become
                             larger than this */
    INBOX_KEY_REFUSED,
    INBOX_KEY_WORKED,
    INBOX_QUEUE_PAUSED,
    INBOX_QUEUE_RESUMED
};

/* A change that this host makes. Everything is borrowed. */
struct inbox_change {
    enum inbox_change_kind kind;
    struct inbox_shared_logins logins; /* of the first two; without an age */
    struct inbox_shared_pause pause;   /* of the others; only a pause has more
                                          than the names */
};

struct inbox_shared_write;
typedef void (*inbox_shared_written_cb)(struct inbox_shared_write *write,
                                        int error, const char *why);

/* Embedded in its owner, which fills the first part. */
struct inbox_shared_write {
    const struct inbox_change *changes; /* borrowed until written_cb */
    size_t change_count; /* 1 to INBOX_CHANGE_COUNT_MAX; made together */
    inbox_shared_written_cb written_cb; /* once, from the loop */
    void *data;                         /* for the owner */
};

/* HAPLO_ENOTSUP, HAPLO_ENOMEM, HAPLO_ESTOPPED; otherwise 0, and written_cb
 * fires. After an error the changes may have been made. Several may be
 * outstanding; they are made in this order. */
int inbox_shared_write(struct inbox *inbox, struct inbox_shared_write *write);

#endif
