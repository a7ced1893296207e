/*
 * delivery_state.h - what a queue knows of its messages: which are stored and
 * not known to be confirmed (K), and which state the application has stored.
 * Pure set arithmetic; the bytes of a state are state_bytes.h's.
 *
 *   - a batch B was fetched: its messages in K are repeats. Its state holds
 *     B and the leftovers, K - B, and may follow the states that are known
 *     (delivery_state_evaluate);
 *   - it was accepted: its state is the known one now, and its keys are K;
 *     they stay in the batch, which keeps them while its token is outstanding
 *     (delivery_state_accept);
 *   - its mark was confirmed: K is what is left without B, or nothing if the
 *     server has no unread message. That is a state too: a confirmed one
 *     (delivery_state_confirm).
 *
 * Otherwise:
 *
 *   - the token was given up: K moves from the batch to the queue, and the
 *     next batch tells what has come of it (delivery_state_keep);
 *   - the batch was dropped without having been accepted: nothing changes. If
 *     its state was stored all the same (a commit whose outcome is unknown),
 *     no later state may follow it, as it is not among the known ones;
 *   - the queue is empty: so is K; a confirmed state, too;
 *   - the stored state is none of the known ones: it becomes the only known
 *     one (delivery_state_adopt). A batch that was fetched before must be
 *     dropped: what it is evaluated against must have been read before its
 *     fetch began, for another process may have stored, marked and confirmed
 *     its messages since.
 *
 * Known states. The application may store a confirmed state late, or never.
 * Until the next batch is accepted, the stored state is thus any of: the batch
 * accepted last (or the adopted state), the state after its mark, and the one
 * after an empty fetch. There are no more: once K is empty, nothing is left to
 * confirm. Of all these, what the newest one says is true.
 *
 * K is a multiset: of two equal messages, the server may send one again.
 */
#ifndef CORE_DELIVERY_STATE_H
#define CORE_DELIVERY_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/batch.h"
#include "core/state_bytes.h"
#include "haplopoll.h"

/* Small, as an idle queue has one. Zeroed: nothing was ever stored. */
struct delivery_state {
    uint64_t known[STATE_FOLLOW_MAX]; /* ids of the known states, oldest first;
                                         0: none */
    uint64_t generation;              /* of all of them */
    uint8_t *newest; /* owned: the newest of them, whose keys are K; NULL: K is
                        empty, or in the accepted batch */
};

/* Forgets all, and goes on from this state (empty: nothing is stored). Copies
 * stored. On HAPLO_EINVAL, these bytes are no state, and HAPLO_ENOMEM nothing
 * has changed. */
int delivery_state_adopt(struct delivery_state *state,
                         struct haplo_slice stored);

/* Finds the repeats of a batch, whose fetch began in this state, and writes
 * the batch's own state. salt: used for no other. *dropped_count: leftovers
 * that were dropped, as there were more than HAPLO_LEFTOVER_COUNT_MAX. 0 or
 * HAPLO_ENOMEM. */
int delivery_state_evaluate(const struct delivery_state *state,
                            struct haplo_batch *batch, uint64_t salt,
                            size_t *dropped_count);

/* The batch, evaluated, is stored. */
void delivery_state_accept(struct delivery_state *state,
                           struct haplo_batch *batch);

/* The accepted batch is confirmed, and with is_drained everything else, too;
 * or, where batch is NULL and K is not empty, an empty fetch has shown this.
 * Returns the confirmed state, which stays where it is until the next call: in
 * bytes, or in the queue if keys are left. The batch may be dropped. */
struct haplo_slice delivery_state_confirm(struct delivery_state *state,
                                          struct haplo_batch *batch,
                                          bool is_drained, uint64_t salt,
                                          uint8_t bytes[STATE_HEAD_SIZE]);

/* The accepted batch is about to be dropped unconfirmed: takes K from it. */
void delivery_state_keep(struct delivery_state *state,
                         struct haplo_batch *batch);

/* How many keys K has; batch: the accepted one, or NULL. */
size_t delivery_state_count(const struct delivery_state *state,
                            const struct haplo_batch *batch);

void delivery_state_free(struct delivery_state *state);

#endif
