#include "core/window.h"

#include <assert.h>

void window_init(struct window *window, uint64_t cursor)
{
    *window = (struct window){
        .read_to = cursor,
        .done_to = cursor,
        .held_since_ms = HEAP_NEVER,
    };
    TAILQ_INIT(&window->spans);
}

uint64_t window_cursor(const struct window *window)
{
    const struct span *first = TAILQ_FIRST(&window->spans);
    return first == NULL ? window->read_to : first->first - 1;
}

void window_add(struct window *window, struct span *span)
{
    const struct span *last = TAILQ_LAST(&window->spans, span_list);
    assert(last == NULL || span_last(last) < span->first);
    assert(span->first > window->read_to);
    (void)last;
    span->is_deferred = false;
    window->read_to = span_last(span);
    TAILQ_INSERT_TAIL(&window->spans, span, in_window);
}

void window_remove(struct window *window, struct span *span)
{
    assert(!span->is_deferred);
    TAILQ_REMOVE(&window->spans, span, in_window);
}

void window_done(struct window *window, uint64_t arrival)
{
    if (arrival > window->done_to) {
        window->done_to = arrival;
    }
}

struct span *window_holder(const struct window *window)
{
    struct span *first = TAILQ_FIRST(&window->spans);
    return first != NULL && first->first < window->done_to ? first : NULL;
}

void window_note(struct window *window, uint64_t now_ms)
{
    if (window_holder(window) == NULL) {
        window->held_since_ms = HEAP_NEVER;
    } else if (window->held_since_ms == HEAP_NEVER) {
        window->held_since_ms = now_ms;
    }
}
