/*
 * replay.h - recognises a batch that arrives again and again although its
 * messages are marked.
 *
 *   - A cache in front of the server ignores what it was told, and answers a
 *     fetch with an old batch. Its messages were confirmed, so they cannot be
 *     told from messages that an administrator has unsent: they are new, and
 *     are stored once more.
 *   - The response to the mark shows that all of them were marked already
 *     (replay_note).
 *   - If the next fetch yields the same batch, it is held back
 *     (replay_is_held_back), and the queue backs off.
 *
 * An administrator may have unsent these messages after all. So the batch is
 * delivered once its last mark is long enough ago, and a cache costs no more
 * than one batch in that time. Any batch that is delivered, or an empty one,
 * ends the suspicion, until a mark raises it again.
 */
#ifndef CORE_REPLAY_H
#define CORE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "core/batch.h"

/* Kept small: every idle queue has one. Zeroed: no suspicion. */
struct replay {
    uint32_t token; /* hash of the suspected one; 0: none */
};

/* To be called when a batch is confirmed. marked_already: it had new messages,
 * was posted once, and marked none, while the server has no unread messages. */
void replay_note(struct replay *replay, const struct batch *batch,
                 bool marked_already);

/* To be called with each complete fetch. True if it must not be delivered, but
 * count as a failure (HAPLO_ENOPROGRESS). since_ms: how long ago the newest
 * token was posted; hold_ms: how long a batch is held back. */
bool replay_is_held_back(struct replay *replay, const struct batch *batch,
                         uint64_t since_ms, uint64_t hold_ms);

#endif
