/*
 * virtual_loop.h - virtual time for a single object that has one timer: what it
 * calls of libuv is defined here and replaces the real functions. Include it
 * once in a test program.
 */
#ifndef TEST_UNIT_VIRTUAL_LOOP_H
#define TEST_UNIT_VIRTUAL_LOOP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#define WORK_MAX 256

/* What is to happen later, in the order of time. */
struct work {
    uint64_t due_ms;
    uint64_t number; /* in the order in which it was asked for */
    void (*work_cb)(void *pointer);
    void *pointer;
};

static struct {
    uint64_t now_ms;
    struct work work[WORK_MAX];
    size_t work_count;
    uint64_t work_number;
    uv_timer_t *timer;
    uv_timer_cb timer_cb; /* NULL: stopped */
    uint64_t timer_ms;
} virtual_loop;

#define HOOK __attribute__((visibility("default")))

static inline void later(uint64_t delay_ms, void (*work_cb)(void *),
                         void *pointer)
{
    assert_true(virtual_loop.work_count < WORK_MAX);
    virtual_loop.work[virtual_loop.work_count++] =
        (struct work){virtual_loop.now_ms + delay_ms,
                      virtual_loop.work_number++, work_cb, pointer};
}

HOOK uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return virtual_loop.now_ms;
}

HOOK int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    (void)loop;
    assert_null(virtual_loop.timer);
    virtual_loop.timer = timer;
    return 0;
}

HOOK int uv_timer_start(uv_timer_t *timer, uv_timer_cb timer_cb,
                        uint64_t timeout_ms, uint64_t repeat_ms)
{
    assert_ptr_equal(timer, virtual_loop.timer);
    assert_int_equal(repeat_ms, 0);
    virtual_loop.timer_cb = timer_cb;
    virtual_loop.timer_ms = virtual_loop.now_ms + timeout_ms;
    return 0;
}

HOOK int uv_timer_stop(uv_timer_t *timer)
{
    assert_ptr_equal(timer, virtual_loop.timer);
    virtual_loop.timer_cb = NULL;
    return 0;
}

static uv_close_cb handle_close_cb;

static inline void handle_closed(void *pointer)
{
    handle_close_cb(pointer);
}

HOOK void uv_close(uv_handle_t *handle, uv_close_cb close_cb)
{
    assert_ptr_equal(handle, virtual_loop.timer);
    virtual_loop.timer = NULL;
    virtual_loop.timer_cb = NULL;
    handle_close_cb = close_cb;
    later(0, handle_closed, handle);
}

static inline struct work *work_first(void)
{
    struct work *first = NULL;

    for (size_t i = 0; i < virtual_loop.work_count; i++) {
        struct work *work = &virtual_loop.work[i];

        if (first == NULL || work->due_ms < first->due_ms ||
            (work->due_ms == first->due_ms && work->number < first->number)) {
            first = work;
        }
    }
    return first;
}

/* True if something happened that was due by then. */
static inline bool run_one(uint64_t until_ms)
{
    struct work *first = work_first();
    struct work work;

    if (virtual_loop.timer_cb != NULL && virtual_loop.timer_ms <= until_ms &&
        (first == NULL || virtual_loop.timer_ms <= first->due_ms)) {
        uv_timer_cb timer_cb = virtual_loop.timer_cb;

        virtual_loop.now_ms = virtual_loop.timer_ms > virtual_loop.now_ms
                                  ? virtual_loop.timer_ms
                                  : virtual_loop.now_ms;
        virtual_loop.timer_cb = NULL;
        timer_cb(virtual_loop.timer);
        return true;
    }
    if (first == NULL || first->due_ms > until_ms) {
        return false;
    }
    work = *first;
    *first = virtual_loop.work[--virtual_loop.work_count];
    virtual_loop.now_ms =
        work.due_ms > virtual_loop.now_ms ? work.due_ms : virtual_loop.now_ms;
    work.work_cb(work.pointer);
    return true;
}

static inline void run(uint64_t for_ms)
{
    uint64_t until_ms = virtual_loop.now_ms + for_ms;
    unsigned turns = 0;

    while (run_one(until_ms)) {
        assert_true(++turns < 1000000); /* or it runs in circles */
    }
    virtual_loop.now_ms = until_ms;
}

#endif
