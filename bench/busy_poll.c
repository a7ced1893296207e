/*
 * busy_poll.c - preloaded into nginx, keeps its worker from sleeping while
 * clients are active.
 *
 * A server that sleeps between two requests adds the cost of each wake-up,
 * about 4 us of CPU time, to the client that sends the next request. A client
 * fast enough to keep the server busy (wrk) never pays this and a slower one
 * always does, so the benchmark would compare how often the server sleeps.
 * Therefore the worker polls without waiting until no event has arrived for
 * BUSY_MS, and only then sleeps.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <time.h>

#define BUSY_MS 100

typedef int (*epoll_wait_cb)(int, struct epoll_event *, int, int);

static uint64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A timeout shorter than BUSY_MS is the next timer of nginx. It is observed
 * with the resolution of the coarse clock, a few milliseconds. */
__attribute__((visibility("default"))) int epoll_wait(
    int epoll, struct epoll_event *events, int count_max, int timeout_ms)
{
    static epoll_wait_cb real;
    static uint64_t event_ms;
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    }
    uint64_t begin_ms = clock_ms();
    for (;;) {
        uint64_t now_ms = clock_ms();
        if (timeout_ms == 0 || now_ms >= event_ms + BUSY_MS) {
            break;
        }
        int count = real(epoll, events, count_max, 0);
        if (count != 0) {
            event_ms = now_ms;
            return count;
        }
        if (timeout_ms > 0 && now_ms >= begin_ms + (uint64_t)timeout_ms) {
            return 0;
        }
    }
    int count = real(epoll, events, count_max, timeout_ms);
    if (count > 0) {
        event_ms = clock_ms();
    }
    return count;
}
