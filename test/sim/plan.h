/*
 * plan.h - the kind of world that a seed makes: the number of servers and
 * queues, their configuration, and what fails how often. Each seed leaves out
 * most kinds of trouble and has much of the rest, so that all combinations
 * occur.
 */
#ifndef TEST_SIM_PLAN_H
#define TEST_SIM_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct world;

#define PLAN_HELD_BYTES_ALL ((size_t)256 << 20) /* more than there ever is */

/* What others do from time to time. */
enum chaos_kind {
    CHAOS_POST,    /* messages */
    CHAOS_UNSEND,  /* some of them */
    CHAOS_FOREIGN, /* another consumer fetches, and marks */
    CHAOS_REVOKE,  /* a key is no good, or good again */
    CHAOS_HUMAN,   /* somebody forgot a password */
    CHAOS_OUTAGE,  /* of a server */
    CHAOS_FORBID,  /* a permission is withdrawn for a while */
    CHAOS_IGNORE,  /* first marks mark nothing for a while */
    CHAOS_STORE,   /* full, slow, out of reach */
    CHAOS_PAUSE,   /* and resume */
    CHAOS_REMOVE,  /* and configure again */
    CHAOS_POLL_NOW,
    CHAOS_NEW_KEY, /* the right one, or a wrong one */
    CHAOS_CRASH,
    CHAOS_STOP,        /* and start */
    CHAOS_WALL,        /* the wall clock jumps */
    CHAOS_JOIN,        /* another process on the same queues */
    CHAOS_DESTINATION, /* gone, fussy, busy, slow */
    CHAOS_RELEASE,     /* of a lane that is blocked */
    CHAOS_BACKUP,      /* of an inbox */
    CHAOS_RESTORE,     /* of that */
    CHAOS_MOVE,        /* of a queue to another inbox */
    CHAOS_RELOAD,      /* with any change of the configuration */
    CHAOS_SUSPEND,     /* a process stands still */
    CHAOS_CUT,         /* a host reaches no server, or no inbox */
    CHAOS_COUNT
};

struct plan {
    uint64_t chaos_ms;                  /* then a quiet ending */
    uint64_t gap_ms[CHAOS_COUNT];       /* between two, on average; 0: never */
    unsigned fate_permille[FATE_COUNT]; /* of requests */
    unsigned mark_fails_permille;       /* more than by the fates alone */
    uint64_t latency_ms_max;            /* of one way */
    uint64_t write_ms_max;              /* of one step of a commit */
    unsigned commit_fails_permille;
    unsigned doubt_permille;        /* commits of unknown outcome */
    unsigned poison_permille;       /* messages that a destination refuses */
    unsigned parcel_fails_permille; /* that are taken in part */
    unsigned parcel_doubt_permille; /* whose answer is lost */
    unsigned reject_permille;       /* batches that cannot be stored */
    unsigned quick_unsend_permille; /* right after a mark */
    unsigned override_permille;     /* messages whose id is not theirs */
    unsigned post_count_max;        /* messages at once */
    unsigned in_flight_max;         /* of all servers */
    size_t held_bytes_max;
    bool has_crowd;                  /* more than a state can hold */
    bool has_helper;                 /* an operator, in the ending */
    unsigned failed_logins_max;      /* of each server */
    unsigned look_up_fails_permille; /* of the first one of a server */
};

/* Draws the plan and makes servers, queues and stores from it. */
void plan_draw(struct world *world);

#endif
