/*
 * window.h - the messages that an outlet has read ahead and not done, in order
 * of arrival, which determine how far its cursor may move. Pure.
 *
 *      cursor                          done_to         read_to
 *   ------|--[ not done ]--done--[ not done ]--done--|-----|---->  arrivals
 *
 * The cursor passes a message only if it is done (delivered, filtered out, or a
 * dead letter), or is deferred in the same transaction that moves the cursor.
 * A message that is neither holds back everything after it that is done or
 * deferred: this cannot be stored, and would be sent again after a crash.
 */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane.h"

struct window {
    struct span_list spans; /* not done and not deferred */
    uint64_t read_to;       /* everything up to it was read, and is in spans
                               unless done or deferred */
    uint64_t done_to;       /* last arrival that is done or deferred */
    uint64_t held_since_ms; /* since when something done is held back;
                               HEAP_NEVER: nothing is */
};

/* Starts after a stored cursor. */
void window_init(struct window *window, uint64_t cursor);

/* How far the cursor may move now. */
uint64_t window_cursor(const struct window *window);

/* Adds a span; spans must be added in order of arrival. */
void window_add(struct window *window, struct span *span);

/* Removes a span whose messages are all done or deferred. */
void window_remove(struct window *window, struct span *span);

/* Notes that a message was delivered or deferred. */
void window_done(struct window *window, uint64_t arrival);

/* Updates held_since_ms. To be called after each change. */
void window_note(struct window *window, uint64_t now_ms);

/* The span that holds back the cursor; NULL: nothing is held back. */
struct span *window_holder(const struct window *window);

#endif
