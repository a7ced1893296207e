/*
 * reload_step.h - one change of a reload, and its steps. Start reading in
 * reload_change.h.
 */
#ifndef DAEMON_RELOAD_STEP_H
#define DAEMON_RELOAD_STEP_H

#include "daemon/reload/reload_change.h"

enum reload_step {
    RELOAD_PENDING,
    RELOAD_FINISHING,
    RELOAD_FINISHED,
    RELOAD_MOVING,
    RELOAD_OPENING
};

/* What is to be done with a change after a step. */
enum reload_progress {
    RELOAD_WAITS,    /* something that it needs is not there */
    RELOAD_FINISHES, /* a queue: a callback follows, or its deadline */
    RELOAD_BUSY,     /* a callback follows: reload_change_ready() */
    RELOAD_DONE      /* it has ended */
};

struct reload_change {
    TAILQ_ENTRY(reload_change) link; /* in one of the lists */
    struct reload_change_list *list; /* which one */
    struct reload_changes *changes;  /* its owner */
    enum config_part part;           /* what the object is */
    enum reload_step step;           /* see reload_change.h */
    void *object;                    /* struct gather_queue ... */
    const void *next; /* struct config_queue ..., of the newest configuration;
                         NULL: the object is to be removed */
    struct config *kept; /* what the object borrows from; NULL: the newest */
    char *state;         /* owned; of a queue whose inbox is opened again */
    size_t state_size;   /* of state */
    struct inbox_replace replace; /* stores it there */
    char *left;                   /* owned; inbox that a queue has left, which
                                     may have a newer state; or NULL */
    uint64_t due_ms;              /* what has failed is not tried before */
    uint64_t backoff_ms;          /* the newest wait after that, or 0 */
    uint64_t deadline_ms;         /* of a queue: for the present step */
    bool was_failing;             /* of a queue: when it left the poller */
    bool has_proven_key;          /* of a queue: that it left with */
    char name[];                  /* "queue a/b" */
};

/* Goes on as far as possible. */
enum reload_progress reload_queue_go_on(struct reload_change *change);
enum reload_progress reload_server_go_on(struct reload_change *change);
enum reload_progress reload_outlet_go_on(struct reload_change *change);
enum reload_progress reload_inbox_go_on(struct reload_change *change);

/* A queue: leaves the poller now; or only once the inbox that it moves to is
 * open. */
void reload_queue_begin(struct reload_change *change);

/* A queue that is changing has left the poller. */
void reload_queue_left(struct gather_queue *queue, bool has_proven_key);

/* The deadline of a queue is over: its token is given up, unless its batch is
 * still being stored. True if it was. */
bool reload_queue_give_up(struct reload_change *change);

/* Adds a server to the poller, unless another host polls it; if its files
 * cannot be used, it keeps the reason, for which its queues are held. 0 or
 * HAPLO_ENOMEM. */
int reload_server_add(struct gather_server *server, char *why, size_t why_size);

/* A callback has come: looks at it in the next turn. */
void reload_change_ready(struct reload_change *change);

/* Moves it to another list. */
void reload_change_list_move(struct reload_change *change,
                             struct reload_change_list *to);

/* Something has failed, and is to be tried again after a wait. */
void reload_change_back_off(struct reload_change *change);
bool reload_change_is_due(const struct reload_change *change);

/* The object borrows from the newest configuration from now on. */
void reload_change_let_go(struct reload_change *change);

/* The change of an object that is changing. */
struct reload_change *reload_change_find(const struct reload_changes *changes,
                                         enum config_part part,
                                         const char *server, const char *own);

/* Why it waits, for operators: "its batch is being marked". */
void reload_change_explain(const struct reload_change *change, char *text,
                           size_t text_size);

#endif
