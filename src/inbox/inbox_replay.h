/*
 * inbox_replay.h - a replay, as an inbox stores it: messages that an outlet has
 * passed are sent to it again. The row is there until the retention of the
 * inbox removes it, so that operators can see what was sent twice.
 */
#ifndef INBOX_INBOX_REPLAY_H
#define INBOX_INBOX_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "haplopoll.h"
#include "inbox/inbox.h"

#define INBOX_REPLAY_QUEUE_SIZE (2 * HAPLO_NAME_SIZE_MAX + 2)

enum inbox_replay_state {
    INBOX_REPLAY_RUNNING, /* to be done, by the outlet when it runs */
    INBOX_REPLAY_DONE,    /* it has reached its end */
    INBOX_REPLAY_STOPPED  /* by an operator */
};

struct inbox_replay {
    uint64_t id;                          /* from 1, never used again */
    char outlet[HAPLO_NAME_SIZE_MAX + 1]; /* name of the outlet */
    char queue[INBOX_REPLAY_QUEUE_SIZE];  /* pattern; "": all queues */
    bool is_of_letters;                   /* only dead letters */
    bool has_new_ids;                     /* see outlets/message_id.h */
    uint64_t since_ms;                    /* received (a dead letter:
                                             refused) not before this */
    uint64_t until_ms;                    /* and before this */
    uint64_t cursor;                      /* done up to this arrival */
    uint64_t last;                        /* ends at this arrival */
    uint64_t delivered_count;             /* messages */
    uint64_t refused_count;               /* messages */
    enum inbox_replay_state state;        /* see above */
    uint64_t created_at_ms;               /* Unix milliseconds */
    uint64_t changed_at_ms;               /* of the newest progress */
    struct reason why;                    /* why it waits, or "" */
};

/* What operators call its state: "new", "running", "waiting", "done" or
 * "stopped". Static string. */
const char *inbox_replay_state_name(const struct inbox_replay *replay);

/* Messages with consecutive arrivals. */
struct inbox_span {
    uint64_t first; /* arrival of the first */
    uint64_t count; /* how many */
};

/* What is stored together with the replay by INBOX_TASK_REPLAY_SAVE. The parts
 * of the replay that are stored are cursor, the counts, state and why. If it
 * was stopped in the meantime, its state stays so. */
struct inbox_replay_marks {
    const struct inbox_span *delivered;      /* no longer dead letters */
    size_t delivered_count;                  /* length of delivered */
    const struct inbox_dead_letter *refused; /* dead letters now, or again */
    size_t refused_count;                    /* length of refused */
};

#endif
