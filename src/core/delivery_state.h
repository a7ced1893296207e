/*
 * delivery_state.h - what a queue knows about its messages: which ones are
 * stored and not known to be confirmed (the set K), and which state the
 * application has stored. Pure set arithmetic; state_bytes.h defines the bytes
 * of a state.
 *
 *   - A batch B was fetched: its messages in K are repeats. Its state holds B
 *     and the leftovers, K - B, and may follow any of the known states
 *     (delivery_state_evaluate).
 *   - It was accepted: its state becomes the known one, and its keys are K.
 *     The keys stay in the batch while its token is outstanding
 *     (delivery_state_accept).
 *   - Its mark was confirmed: K is what remains without B, or empty if the
 *     server has no unread messages. This is another state, a confirmed one
 *     (delivery_state_confirm).
 *
 * Other cases:
 *
 *   - The token was given up: K moves from the batch to the queue, and the
 *     next batch shows what became of it (delivery_state_keep).
 *   - The batch was dropped before it was accepted: nothing changes. If its
 *     state was stored all the same (a commit with unknown outcome), no later
 *     state can follow it, since it is not among the known ones.
 *   - The queue is empty: so is K. This is a confirmed state as well.
 *   - The stored state is none of the known ones: it becomes the only known
 *     one (delivery_state_adopt). A batch fetched before that must be dropped:
 *     a batch may only be evaluated against a state that was read before its
 *     fetch began, because another process may have stored, marked and
 *     confirmed its messages in the meantime.
 *
 * Known states. The application may store a confirmed state late, or never. So
 * until the next batch is accepted, the stored state may be any of these: that
 * of the batch accepted last (or the adopted state), the state after its mark,
 * and the state after an empty fetch. There are no others, because once K is
 * empty there is nothing left to confirm. The newest of them is correct.
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

/* Kept small: every idle queue has one. Zeroed: nothing was ever stored. */
struct delivery_state {
    uint64_t known[STATE_FOLLOW_MAX]; /* ids of the known states, oldest first;
                                         0: none */
    uint64_t generation;              /* the same for all of them */
    uint8_t *newest; /* owned; the newest of them, whose keys are K; NULL: K is
                        empty, or in the accepted batch */
};

/* Forgets everything and continues from this state (empty: nothing is stored).
 * Copies stored. Returns 0, HAPLO_EINVAL if these bytes are not a state, or
 * HAPLO_ENOMEM; on error nothing has changed. */
int delivery_state_adopt(struct delivery_state *state,
                         struct haplo_slice stored);

/* Finds the repeats in a batch whose fetch began in this state, and writes the
 * state of the batch. salt must not be used for any other. Sets *dropped_count
 * to the number of leftovers beyond HAPLO_LEFTOVER_COUNT_MAX, which are
 * dropped. Returns 0 or HAPLO_ENOMEM. */
int delivery_state_evaluate(const struct delivery_state *state,
                            struct batch *batch, uint64_t salt,
                            size_t *dropped_count);

/* To be called when an evaluated batch has been stored. */
void delivery_state_accept(struct delivery_state *state, struct batch *batch);

/* To be called when the accepted batch is confirmed, and with is_drained
 * everything else as well. batch is NULL if an empty fetch has shown this,
 * while K was not empty. Returns the confirmed state, valid until the next
 * call: in bytes, or in the queue if keys remain. The batch can be dropped
 * afterwards. */
struct haplo_slice delivery_state_confirm(struct delivery_state *state,
                                          struct batch *batch, bool is_drained,
                                          uint64_t salt,
                                          uint8_t bytes[STATE_HEAD_SIZE]);

/* To be called before an accepted batch is dropped unconfirmed: takes K. */
void delivery_state_keep(struct delivery_state *state, struct batch *batch);

/* The number of keys in K; batch: the accepted one, or NULL. */
size_t delivery_state_count(const struct delivery_state *state,
                            const struct batch *batch);

void delivery_state_free(struct delivery_state *state);

#endif
