/*
 * state_bytes.h - a queue's state as the application stores it.
 *
 *     offset  size  (numbers are little-endian)
 *          0     8  id: a hash of all that follows
 *          8     8  magic, with the version of this layout
 *         16     4  keys of the batch
 *         20     4  keys of leftovers
 *         24     8  generation: batches stored so far, this one included
 *         32     8  salt: a number that its writer uses once
 *         40    24  ids of the states that it may follow; 0: no more of them;
 *                   all 0: it is a queue's first
 *         64   16n  keys, of the batch in its order, then the leftovers, newest
 *                   first
 *
 * As the id is a hash of everything else, two states have the same id only if
 * they are the same bytes, and a damaged one has a wrong id. The salt tells
 * apart what would be equal otherwise: a queue whose database was restored
 * may well store the same batch after the same state once more, and what
 * was known to follow the first must not pass for following the second.
 */
#ifndef CORE_STATE_BYTES_H
#define CORE_STATE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define STATE_HEAD_SIZE 64
#define STATE_KEY_SIZE 16
#define STATE_FOLLOW_MAX 3 /* see delivery_state.h for why these suffice */

/* A state but for its keys. */
struct state_head {
    uint64_t id;                        /* set by state_bytes_seal() */
    uint64_t generation;                /* from 1 */
    uint64_t salt;                      /* used once */
    uint64_t follows[STATE_FOLLOW_MAX]; /* ids; 0: none */
    uint32_t batch_count;               /* keys of the newest batch */
    uint32_t leftover_count;            /* keys of earlier ones, behind those */
};

/* All its keys, and the size of the whole. */
static inline size_t state_head_key_count(const struct state_head *head)
{
    return (size_t)head->batch_count + head->leftover_count;
}

static inline size_t state_head_size(const struct state_head *head)
{
    return STATE_HEAD_SIZE + STATE_KEY_SIZE * state_head_key_count(head);
}

/* Writes the head in front of the keys, which must be there, and sets its id:
 * the bytes are then a state. */
void state_bytes_seal(uint8_t *bytes, struct state_head *head);

/* 0, or HAPLO_EINVAL if these bytes, which may be any, are no state. */
int state_bytes_read(struct haplo_slice bytes, struct state_head *head);

/* The head of bytes that are known to be a state. */
void state_bytes_head(const uint8_t *bytes, struct state_head *head);

#endif
