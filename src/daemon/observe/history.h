/*
 * history.h - the newest transitions of all objects, in a ring that grows up
 * to HISTORY_COUNT_MAX: so that a million queues which just work cost nothing.
 * The transitions of one object are linked by their ids, from the newest to
 * older ones, as far as they are still in the ring. Pure.
 */
#ifndef DAEMON_HISTORY_H
#define DAEMON_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#define HISTORY_COUNT_MAX 4096

struct observer_server;

enum transition_kind {
    TRANSITION_QUEUE,  /* server and name */
    TRANSITION_SERVER, /* server */
    TRANSITION_OUTLET, /* name */
    TRANSITION_LANE,   /* outlet, server and name */
    TRANSITION_INBOX,  /* name */
    TRANSITION_CONFIG, /* none: a reload */
    TRANSITION_FLEET   /* name: a host; see observer_fleet.h */
};

/* A change of state, or (from == to) something else worth knowing. */
struct transition {
    uint64_t id;          /* ascending, from 1 */
    uint64_t previous_id; /* of the same object; 0: none */
    uint64_t at_ms;       /* wall clock, Unix milliseconds */
    enum transition_kind kind;
    const char *from;   /* static; label of a state */
    const char *to;     /* static; the same, or "warning", "dead_letter" ... */
    int error;          /* HAPLO_E*, or 0 */
    uint64_t lasted_ms; /* to a state that works: how long it had not */
    uint64_t failures;  /* in a row, up to now */
    uint64_t delay_ms;  /* until the next attempt, or 0 */
    uint64_t arrival;   /* of a message of an outlet, or 0 */
    const char *server; /* see the kinds; otherwise "" */
    const char *name;   /* of the queue, outlet or inbox; "" likewise */
    const char *outlet; /* of a lane; "" otherwise */
    const char *inbox;  /* of a queue; "" otherwise */
    const char *text;   /* one line; "": none */
    /* Only while it is reported; otherwise NULL: */
    const struct observer_server *at; /* the server, or that of the queue */
    char *const *reason; /* where a server, outlet or inbox in trouble keeps the
                            newest cause, until it has left its state */
    void **log;   /* what the log keeps for a queue or lane in trouble; NULL: it
                     cannot keep anything */
    char *memory; /* owned by the history: of these strings */
};

struct history {
    struct transition *ring; /* owned; NULL: empty */
    size_t capacity;         /* length of ring */
    uint64_t newest_id;      /* 0: none yet */
};

/* Adds a copy, with the next id, which is returned. If memory runs out, the
 * id is used all the same, and history_find() does not find it. */
uint64_t history_add(struct history *history,
                     const struct transition *transition);

/* The transition with this id, or NULL if it has left the ring or is still to
 * come. Borrowed until the next history_add(). To list the newest ones, count
 * down from newest_id; those of one object, follow previous_id. */
const struct transition *history_find(const struct history *history,
                                      uint64_t id);

/* The oldest id that may still be there. */
uint64_t history_oldest_id(const struct history *history);

void history_free(struct history *history);

#endif
