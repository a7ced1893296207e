/*
 * window.h - what an outlet has read ahead and not done, in the order of
 * arrival; and so, how far its cursor may go. Pure.
 *
 *      cursor                          done_to         read_to
 *   ------|--[ not done ]--done--[ not done ]--done--|-----|---->  arrivals
 *
 * The cursor passes a message only if that is done (delivered, filtered out, a
 * dead letter), or is deferred in the very transaction that moves the cursor.
 * What is done or deferred behind a message that is neither is held back: it
 * cannot be stored, and would be sent again after a crash.
 */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/lane.h"

struct window {
    struct span_list spans; /* not done and not deferred */
    uint64_t read_to;       /* all up to it was read, and is in spans if it is
                               neither done nor deferred */
    uint64_t done_to;       /* the latest arrival that was done or deferred */
    uint64_t held_since_ms; /* when something done was first held back;
                               HEAP_NEVER: nothing is */
};

/* Begins behind a stored cursor. */
void window_init(struct window *window, uint64_t cursor);

/* How far the cursor may go now. */
uint64_t window_cursor(const struct window *window);

/* Spans come in the order of arrival. */
void window_add(struct window *window, struct span *span);

/* Takes a span out: its messages are deferred, or none is left. */
void window_remove(struct window *window, struct span *span);

/* A message of the window was delivered, or deferred. */
void window_done(struct window *window, uint64_t arrival);

/* Notes since when something is held back. To be called after each change. */
void window_note(struct window *window, uint64_t now_ms);

/* The span that holds back what is done; NULL if nothing is held back. */
struct span *window_holder(const struct window *window);

#endif
