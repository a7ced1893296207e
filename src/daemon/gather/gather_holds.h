/*
 * gather_holds.h - the queues that are in the configuration but not in the
 * poller, because something is wrong with them or with their server. They do
 * not affect the other queues, and nothing is sent for them.
 *
 * A hold ends when the file at fault has been corrected, if it is one that is
 * read again: an API key, or a TLS file of the server. Anything else needs a
 * reload.
 */
#ifndef DAEMON_GATHER_HOLDS_H
#define DAEMON_GATHER_HOLDS_H

#include "daemon/gather/gather.h"

struct gather_hold {
    TAILQ_ENTRY(gather_hold) link; /* in the order they were found */
    const char *server; /* its name, or its number in the configuration */
    const char *name;   /* the same of the queue */
    struct gather_queue *queue;   /* NULL: not valid in the configuration */
    enum haplo_queue_state state; /* REFUSED: its key; BLOCKED: all else */
    bool is_watched;              /* ends when a file is corrected */
    bool is_expected;             /* nothing is wrong: its key is on its way */
    struct config_place place;    /* in the configuration */
    const char *why; /* "queue example/student: ..."; the same pointer for all
                        queues of a server that is at fault */
    char *own_why;   /* owned: why, if it is this queue's alone; or NULL */
};

void gather_holds_init(struct gather *gather);

/* Holds the queues that are not valid in the configuration. 0 or
 * HAPLO_ENOMEM. */
int gather_holds_take(struct gather *gather);

/* Holds a queue. 0 or HAPLO_ENOMEM. */
int gather_hold_queue(struct gather_queue *queue, enum haplo_queue_state state,
                      const char *why);

/* Holds a queue until the command has printed its API key. 0 or
 * HAPLO_ENOMEM. */
int gather_hold_until_key(struct gather_queue *queue, const char *why);

/* Holds all queues of a server until its TLS files can be read. 0 or
 * HAPLO_ENOMEM. */
int gather_hold_server(struct gather_server *server, const char *why);

/* The two steps of that: remembers why, and holds a queue for this reason. */
int gather_server_blame(struct gather_server *server, const char *why);
int gather_hold_with_server(struct gather_queue *queue);

/* Ends all holds of a server that another host polls now. */
void gather_holds_end(struct gather_server *server);

/* Adds those to the poller whose files have been corrected, and logs it. True
 * if others remain that may be corrected later. */
bool gather_holds_retry(struct gather *gather);

/* Logs what is wrong: one line for each cause, and after some of them only
 * their number. */
void gather_holds_tell(const struct gather *gather);

/* Logs why the newest one is held, unless a server is at fault, or so many have
 * been told; counts it. */
void gather_holds_tell_newest(const struct gather *gather, size_t *told_count);

/* Ends all holds; the queues are not in the poller all the same. */
void gather_holds_free(struct gather *gather);

#endif
