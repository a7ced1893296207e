/*
 * replay_pass.h - what the results of an outlet mean for a replay, which sends
 * messages again in order of arrival, one parcel at a time. Pure: no I/O and
 * no clock.
 *
 *   - The owner reads messages after `next`, and sends those that are wanted
 *     while replay_pass_may_send() allows it.
 *   - Each result, or a message that is not wanted, moves `next`.
 *   - What is in `done`, up to replay_pass_cursor(), may be stored.
 *   - When `next` has reached `last` and nothing is in doubt, it is over.
 *
 * Failures, none of which concerns messages that are forwarded for the first
 * time:
 *
 *   - "Not now", or the destination is broken: the replay waits, and sends the
 *     message again.
 *   - Refused because of its data: the message is in doubt, since the outlet
 *     may be broken, and the replay goes on. If a later message is accepted,
 *     the ones in doubt are refused for good. If too many different ones are
 *     refused in a row, the replay waits, and returns to the first of them.
 *   - Refused, and the end is reached: it waits and tries those in doubt again.
 *     If the outlet has accepted any other message that was sent in the
 *     meantime, or a day has passed, the next refusal is for good, so that a
 *     replay always ends.
 *   - Refused in a replay of dead letters: they were proven to be bad once, so
 *     a refusal is for good at once.
 */
#ifndef CORE_REPLAY_PASS_H
#define CORE_REPLAY_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/breaker.h"
#include "core/progress.h"

#define REPLAY_PASS_DOUBT_MS 86400000 /* see above */

/* A message that was refused, which is not proven to be its fault. */
struct replay_doubt {
    uint64_t queue_id;               /* queue of the message */
    uint64_t arrival;                /* its arrival */
    unsigned tries;                  /* how often it was sent */
    uint64_t number;                 /* of the last refusal, or failure of
                                        any parcel since */
    STAILQ_ENTRY(replay_doubt) link; /* in the order of arrival */
    char why[];                      /* reason of the first refusal */
};
STAILQ_HEAD(replay_doubt_list, replay_doubt);

struct replay_pass {
    struct breaker_policy policy;    /* of its breaker: waits at each failure */
    struct breaker breaker;          /* of this replay alone */
    struct random random;            /* for jitter */
    uint64_t next;                   /* up to there: sent, passed or in doubt */
    uint64_t last;                   /* its end */
    bool has_no_doubts;              /* it sends dead letters */
    struct replay_doubt_list doubts; /* refused; those after `next` will be
                                        tried again */
    uint64_t doubt_since_ms;         /* when something was refused first */
    uint64_t proven_to;              /* numbers up to there are the data's
                                        fault */
    uint64_t tried_arrival;          /* the last message that was to be sent
                                        again, not counting refusals */
    unsigned tries;                  /* how often it was sent, in a row */
    uint64_t refused_to;             /* the last one refused in refused_run */
    uint64_t refused_run;            /* see breaker.h */
    uint64_t delivered_count;        /* messages, in this pass */
    uint64_t refused_count;          /* messages refused for good, likewise */
    bool is_lost;                    /* memory ran out: start again from what
                                        is stored */
    struct progress done;            /* settled: delivered; and dead letters;
                                        to be stored with the next save */
};

/* Sends messages after the cursor, up to last. Copies policy. */
void replay_pass_init(struct replay_pass *pass,
                      const struct breaker_policy *policy, uint64_t cursor,
                      uint64_t last, bool is_of_letters, uint64_t seed);
void replay_pass_free(struct replay_pass *pass);

/* True if a message may be sent now. */
bool replay_pass_may_send(const struct replay_pass *pass);

/* There is nothing that is wanted up to this arrival. */
void replay_pass_skip(struct replay_pass *pass, uint64_t to, uint64_t now_ms);

/* The results. After those that are not "delivered", `next` may have moved
 * back: read again. The others have a number, which grows: the outlet's count
 * of refusals (dispatch_lend_end()). */
void replay_pass_delivered(struct replay_pass *pass, uint64_t queue_id,
                           uint64_t first, uint32_t count, uint64_t now_ms);
void replay_pass_refused(struct replay_pass *pass, uint64_t queue_id,
                         uint64_t arrival, const char *why, uint64_t number,
                         uint64_t now_ms);
/* "Not now", or the destination is broken; delay_ms: minimum wait. */
void replay_pass_retry(struct replay_pass *pass, uint64_t arrival,
                       uint64_t delay_ms, uint64_t number, uint64_t now_ms);

/* What the messages that are not part of the replay have proven: the outlet
 * has accepted one that was sent after this number, and has not been broken
 * since. To be called before replay_pass_refused(). */
void replay_pass_proven(struct replay_pass *pass, uint64_t number);

/* When to call replay_pass_due(); HEAP_NEVER: never. */
uint64_t replay_pass_due_ms(const struct replay_pass *pass);
void replay_pass_due(struct replay_pass *pass, uint64_t now_ms);

/* True if the end is reached and nothing is in doubt. */
bool replay_pass_is_over(const struct replay_pass *pass);

/* How far everything is decided: what may be stored as the cursor. */
uint64_t replay_pass_cursor(const struct replay_pass *pass);

#endif
