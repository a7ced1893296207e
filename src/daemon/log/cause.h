/*
 * cause.h - what is wrong, and how many objects it affects. Found by key: the
 * scope, the state, the error and the pattern of the text. Pure.
 */
#ifndef DAEMON_CAUSE_H
#define DAEMON_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/name_table.h"
#include "daemon/observe/history.h"

#define CAUSE_FAMILY_MAX                                 \
    8 /* patterns of one scope, state and error; further \
         ones are one cause */

#define CAUSE_FLAP_MAX 3 /* what begins more often comes and goes */

struct cause {
    TAILQ_ENTRY(cause) link;   /* in the order they began */
    char *key;                 /* owned */
    enum transition_kind kind; /* of its members */
    const char *state;         /* static; label of the state: "failing" */
    char *scope;               /* owned; "example", "outlet files" ... */
    char *name;                /* owned; of the first: "example/student" */
    char *text;                /* owned; of the first, whole */
    char *detail;              /* owned; the same without its name */
    char *server;              /* owned; of the first, or "" */
    char *object;              /* owned; name of its queue, outlet or inbox */
    char *outlet;              /* owned; of a lane; "" otherwise */
    char *inbox;               /* owned; of a queue; "" otherwise */
    int error;                 /* HAPLO_E*, or 0 */
    uint64_t arrival;          /* of the first: a message of an outlet, or 0 */
    uint64_t delay_ms;         /* until the next attempt, when it began */
    /* Only while it is not over: the object may be removed afterwards. */
    const struct observer_server *at; /* TRANSITION_SERVER: itself */
    char *const *reason;              /* see struct transition */
    bool is_notice;                   /* a warning: has no members, recurs */
    bool is_logged;                   /* its beginning was */
    bool is_covered;                  /* the line of its server speaks for it */
    bool is_over;                     /* nothing is left in it; lingers */
    bool is_untold;                   /* it is over, which was not logged */
    bool is_told_over;                /* the newest line says that it is over */
    bool has_recovered;  /* a member works again; others may just have left */
    size_t count;        /* members now; notices: times so far */
    size_t peak;         /* most members at a time */
    size_t logged_count; /* count in the last line */
    uint64_t began_ms;   /* first member */
    uint64_t again_ms;   /* the same, since it last lingered; 0: it did not */
    uint64_t ended_ms;   /* last one left */
    uint64_t lasted_ms;  /* the longest trouble of a member that recovered */
    uint64_t failures;   /* in a row, of that member */
    uint64_t due_ms;     /* when something is to be decided */
    uint64_t remind_ms;  /* when the next reminder is due */
    unsigned stage;      /* of the reminders */
    unsigned flaps;      /* how often it began again while lingering */
};
TAILQ_HEAD(cause_list, cause);

struct causes {
    struct name_table table; /* struct cause; by key */
    struct cause_list list;  /* owned; the same */
};

void causes_init(struct causes *causes);
void causes_free(struct causes *causes);

/* The cause of a transition to a state, or warning; made if it is new. NULL if
 * memory runs out, or there are count_max already. */
struct cause *cause_for(struct causes *causes,
                        const struct transition *transition, size_t count_max);

/* Takes over the newest reason, which may be another one than that of the
 * transition. Keeps the old one if memory runs out. */
void cause_update_reason(struct cause *cause);

/* It begins again, with this as its first member. */
void cause_refresh(struct cause *cause, const struct transition *transition);

/* The cause that a server, outlet or inbox, not a queue, left: that of the
 * state it comes from; or NULL. */
struct cause *cause_left(const struct causes *causes,
                         const struct transition *transition);

void cause_remove(struct causes *causes, struct cause *cause);

#endif
