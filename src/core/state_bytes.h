/*
 * state_bytes.h - the state of a queue in the form in which the application
 * stores it.
 *
 *     offset  size  (numbers are little-endian)
 *          0     8  id: a hash of everything after it
 *          8     8  magic, with the version of this layout
 *         16     4  number of keys of the batch
 *         20     4  number of keys of leftovers
 *         24     8  generation: number of batches stored so far, including
 * this
 *         32     8  salt: a number that its writer uses only once
 *         40    24  ids of the states that it may follow; 0: no more;
 *                   all 0: this is the first state of a queue
 *         64   16n  keys: of the batch in its order, then of the leftovers,
 *                   newest first
 *
 * The id is a hash of everything else, so two states have the same id only if
 * their bytes are the same, and a damaged state has a wrong id. The salt
 * distinguishes states that would otherwise be equal: after a restore of its
 * database, a queue may store the same batch after the same state again. What
 * was known to follow the first one must not count as following the second.
 */
#ifndef CORE_STATE_BYTES_H
#define CORE_STATE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define STATE_HEAD_SIZE 64
#define STATE_KEY_SIZE 16
#define STATE_FOLLOW_MAX 3 /* see delivery_state.h for why these suffice */

/* A state without its keys. */
struct state_head {
    uint64_t id;                        /* set by state_bytes_seal() */
    uint64_t generation;                /* counts from 1 */
    uint64_t salt;                      /* never reused */
    uint64_t follows[STATE_FOLLOW_MAX]; /* ids; 0: none */
    uint32_t batch_count;               /* keys of the newest batch */
    uint32_t leftover_count;            /* keys of earlier ones, after those */
};

/* The number of all its keys, and its size in bytes. */
static inline size_t state_head_key_count(const struct state_head *head)
{
    return (size_t)head->batch_count + head->leftover_count;
}

static inline size_t state_head_size(const struct state_head *head)
{
    return STATE_HEAD_SIZE + STATE_KEY_SIZE * state_head_key_count(head);
}

/* Writes the head before the keys, which must be in place, and sets its id.
 * This completes the state. */
void state_bytes_seal(uint8_t *bytes, struct state_head *head);

/* Reads a state from untrusted bytes. Returns 0 or HAPLO_EINVAL. */
int state_bytes_read(struct haplo_slice bytes, struct state_head *head);

/* Reads the head of a valid state. */
void state_bytes_head(const uint8_t *bytes, struct state_head *head);

#endif
