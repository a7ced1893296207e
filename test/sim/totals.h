/*
 * totals.h - what simulated worlds have gone through: figures for the summary,
 * and situations that must have occurred, so that lost coverage is noticed.
 */
#ifndef TEST_SIM_TOTALS_H
#define TEST_SIM_TOTALS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "haplopoll.h"

#define TOTALS_QUEUE_STATES (HAPLO_QUEUE_LAST_MARK_WAIT + 1)

/* X(name, least, text): least is how often it must occur in 10,000 seeds. */
#define SITUATION_MAP(X)                                                      \
    X(ALIAS, 2000, "a server at the address of another one")                  \
    X(LOOK_UP_FAILED, 2000, "a first look-up that failed")                    \
    X(ANSWER_LOST, 9000, "carried out, and the answer lost")                  \
    X(ANSWER_CUT, 7000, "an answer cut in the middle")                        \
    X(ANSWER_GARBLED, 6000, "an answer that cannot be used")                  \
    X(ANSWER_IN_PIECES, 200000, "an answer that came in two pieces")          \
    X(MARK_HALF_DONE, 2000, "a mark half done, then 500")                     \
    X(MARKED_LATE, 2000, "a mark carried out after it was given up")          \
    X(NO_PROGRESS, 6000, "a first mark that marked nothing")                  \
    X(REPLAYED, 40000, "an old batch from a cache")                           \
    X(HELD_BACK, 4000, "and again, held back")                                \
    X(CONFIRMED_BY_EMPTY_FETCH, 2000, "confirmed by nothing being unread")    \
    X(TOKEN_GIVEN_UP, 10000, "a token given up after its attempts")           \
    X(TOKEN_TOO_OLD, 200, "a token given up for its age")                     \
    X(BATCH_NOT_STORED, 1000, "a batch dropped before it was stored")         \
    X(REPEAT_RECOGNISED, 100000, "a repeat recognised")                       \
    X(RESENT, 800000, "a resend stored as new")                               \
    X(UNSENT_BEFORE_STORED, 40000, "unsent, marked by others before it came") \
    X(UNSENT_UNCONFIRMED, 7000, "unsent while not confirmed")                 \
    X(UNSENT_BEFORE_COMMIT, 700, "unsent between answer and commit")          \
    X(UNSENT_CONFIRMED, 700000, "unsent after it was confirmed")              \
    X(CONFIRMATION_FORGOTTEN, 3000, "a confirmation forgotten")               \
    X(PROMISE_REVOKED, 7, "and with it an unsend")                            \
    X(TAKEN_FOREIGN, 30000, "marked by others before it was stored")          \
    X(TAKEN_LATE, 400, "an unsent message marked by a late request")          \
    X(EQUAL_MESSAGES, 20000, "a message equal to another")                    \
    X(AMBIGUOUS_TWINS, 1000, "equal ones with a mark lost in between")        \
    X(FOREIGN_MARK, 3000, "a mark by another consumer")                       \
    X(GROUP_OF_SEVERAL, 6000, "a commit for several queues")                  \
    X(GROUP_FAILED, 30000, "a commit that failed")                            \
    X(STALE, 600, "a stale batch")                                            \
    X(STORED_BEFORE, 1000, "a batch that an unknown commit had stored")       \
    X(DOUBT, 6000, "a commit whose outcome nobody was told")                  \
    X(DOUBT_STORED, 3000, "that had succeeded")                               \
    X(COMMITTED_AFTER_DEATH, 100, "a commit that outlived its process")       \
    X(REPEATS_ALONE, 9000, "a batch of repeats alone")                        \
    X(CONFIRMATION_PASSED_OVER, 1000, "a confirmation that came too late")    \
    X(TWO_PROCESSES, 600, "a second process on the same queues")              \
    X(THREE_PROCESSES, 100, "and a third one")                                \
    X(SUSPENDED, 1000, "a process that stood still for a while")              \
    X(STALE_LOOP, 500, "and went on with a time that was over")               \
    X(CUT_OFF, 500, "a host cut off from servers, or inboxes")                \
    X(SLOT_TAKEN, 100, "a slot taken from a host that had gone")              \
    X(SLOT_HANDED_OVER, 1000, "a slot handed over")                           \
    X(FLEET_DOUBT, 100, "a request of a host of unknown outcome")             \
    X(TWO_TOKENS, 1, "two tokens of a queue, after a takeover")               \
    X(REQUEST_OF_LOST, 1, "a request of a host that did not know that")       \
    X(LATE_PARCEL, 1, "a parcel that arrived after a takeover")               \
    X(DESTINATION_ILL, 2000, "a destination broken, busy, fussy or slow")     \
    X(DEFERRED, 90000, "a message deferred")                                  \
    X(POSITION, 90000, "a position moved")                                    \
    X(READ_TOGETHER, 9000, "a read of several lanes")                         \
    X(VISIBLE_LATE, 2000, "a commit that outlets see later than others")      \
    X(DEAD_LETTER, 5000, "a dead letter")                                     \
    X(UNWANTED, 20000, "a message that an outlet's rules leave out")          \
    X(READ_FAILED, 900, "a read of an outlet that failed")                    \
    X(REFUSED_BY_OUTLET, 10000, "a message refused by a destination")         \
    X(PARCEL_IN_PART, 1000, "a parcel delivered in part")                     \
    X(PARCEL_DOUBT, 800, "a parcel delivered, and the answer lost")           \
    X(OUTLET_NOT_OPENED, 2000, "an outlet that could not be opened")          \
    X(SENT_AFTER_DEATH, 50, "a parcel that outlived its process")             \
    X(OUTLET_BROKEN, 7000, "an outlet's breaker opened")                      \
    X(LANE_BLOCKED, 7000, "a lane blocked")                                   \
    X(RELEASED, 5000, "a lane released by an operator")                       \
    X(SAVE_FAILED, 4000, "progress that could not be saved")                  \
    X(RESTORED, 600, "an older copy of an inbox restored")                    \
    X(RESTORED_WHILE_RUNNING, 100, "the same behind a running process")       \
    X(LEFTOVERS_DROPPED, 10, "more leftovers than a state holds")             \
    X(RESTARTED_FOR_EXAM, 1000, "a restart before all is unsent")             \
    X(MOVED, 2000, "a queue that moved to another inbox")                     \
    X(RELOADED, 1000, "a reload")                                             \
    X(RELOADED_AGAIN, 300, "a reload before the last one had finished")       \
    X(RELOAD_SETTLED, 1000, "a reload of which everything had finished")      \
    X(MOVED_AT_WORK, 500, "a queue that a reload moved")                      \
    X(MOVE_STALE, 1, "a move whose state was not the stored one")             \
    X(GIVEN_UP_BY_RELOAD, 100, "a token that a reload gave up")               \
    X(RESUMED_FROM_STORED, 1000, "a queue resumed from what is stored")       \
    X(DID_NOT_OPEN, 400, "a start that failed")                               \
    X(REJECTED, 500, "a batch rejected")                                      \
    X(INBOX_BEHIND, 100, "a batch dropped, as its inbox was behind")          \
    X(DELIVERED_TOO_LATE, 100, "stored after the drain's deadline")           \
    X(CONFIRMED_TOO_LATE, 40, "confirmed after the drain's deadline")         \
    X(STOPPED_DRAINED, 8000, "a stop, drained")                               \
    X(STOPPED_WITH_BATCHES, 1000, "a stop with batches left")                 \
    X(THROTTLED, 2000, "a request to a server that throttles")                \
    X(SILENCE_KEPT, 900, "a silence begun")                                   \
    X(LOGINS_HELD, 6000, "a budget of failed logins spent")                   \
    X(HOLD_RECALLED, 2000, "a budget that an earlier process has spent")      \
    X(PROOF_RECALLED, 100, "a key that had worked, not held by that")         \
    X(BREAKER_OPENED, 7000, "a breaker opened")                               \
    X(PROBE_FAILED, 6000, "a probe failed")                                   \
    X(SERVER_CAME_BACK, 7000, "a probe answered")                             \
    X(RETRY_AFTER, 1000, "a wait that a proxy asked for")                     \
    X(NEW_KEY_IN_FLIGHT, 500, "a new key while a request was in flight")      \
    X(NO_MEMORY, 7000, "no memory to begin a request")                        \
    X(NO_ROOM, 100000, "a fetch that waited for the budget of bytes")         \
    X(SERVER_WAITED, 20000, "a server that waited for a slot of all")         \
    X(REMOVED, 1000, "a queue removed")                                       \
    X(ADDED_AGAIN, 1000, "and configured again")                              \
    X(KEY_REVOKED, 4000, "a key revoked")                                     \
    X(WALL_JUMP, 4000, "the wall clock jumped")                               \
    X(OUTAGE, 4000, "a server's outage")                                      \
    X(DISK_FULL, 1000, "a disk full for a while")

/* X(name, least, text): where a process can die. */
#define CRASH_MAP(X)                                                 \
    X(AT_ANY_TIME, 1000, "at any time")                              \
    X(AT_CHANGE, 900, "in the middle of a step")                     \
    X(AFTER_FETCH_SENT, 300, "with a fetch sent")                    \
    X(AFTER_MARK_SENT, 200, "with a mark sent")                      \
    X(AFTER_MARK_CARRIED_OUT, 100, "with a mark done, not answered") \
    X(AFTER_CONFIRMATION, 200, "with a mark answered, not noted")    \
    X(BEFORE_WRITE, 200, "before a group is written")                \
    X(BEFORE_COMMIT, 200, "in the transaction")                      \
    X(AFTER_COMMIT, 200, "after the commit, before the accept")      \
    X(AFTER_ACCEPT, 200, "after the accept, before the mark")        \
    X(AFTER_SEND, 90, "with a parcel delivered, not answered")       \
    X(AFTER_DELIVERY, 80, "with a parcel answered, not saved")       \
    X(AFTER_CONFIRM_COMMIT, 200, "after a confirmation's commit")

enum situation {
#define SITUATION_ENUM(name, least, text) SITUATION_##name,
    SITUATION_MAP(SITUATION_ENUM)
#undef SITUATION_ENUM
        SITUATION_COUNT
};

enum crash_point {
#define CRASH_ENUM(name, least, text) CRASH_##name,
    CRASH_MAP(CRASH_ENUM)
#undef CRASH_ENUM
        CRASH_COUNT,
    CRASH_NEVER = CRASH_COUNT
};

struct totals {
    uint64_t seeds;
    uint64_t violations;
    uint64_t first_violation; /* its seed; UINT64_MAX: none */
    uint64_t virtual_ms;
    uint64_t messages; /* posted */
    uint64_t unsends;
    uint64_t fetches;             /* sent */
    uint64_t marks;               /* sent */
    uint64_t confirmed;           /* marks */
    uint64_t stored;              /* as new */
    uint64_t reached;             /* outlets */
    uint64_t repeats;             /* at outlets, all explained */
    unsigned failed_by_runs_most; /* logins a server counted in a row */
    unsigned failed_by_us_most;   /* and with what nobody could keep */
    uint64_t situations[SITUATION_COUNT];
    uint64_t crashes[CRASH_COUNT];
    uint64_t killed_in[TOTALS_QUEUE_STATES]; /* queues, by state */
    uint64_t edges[TOTALS_QUEUE_STATES][TOTALS_QUEUE_STATES]; /* of queues */
};

void totals_init(struct totals *totals);

/* A server has counted that many failed logins of ours in a row. */
void totals_note_logins(struct totals *totals, unsigned by_runs,
                        unsigned by_us);

void totals_add(struct totals *totals, const struct totals *more);

/* The summary. */
void totals_print(const struct totals *totals, FILE *file);

/* Prints each situation and whether it occurred often enough for the number of
 * seeds. Returns true if all did. is_terse: prints only those that did not. */
bool totals_check(const struct totals *totals, bool is_terse, FILE *file);

#endif
