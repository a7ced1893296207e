/*
 * busy_poll.c - preloaded into nginx, keeps its worker from sleeping while
 * clients are at work.
 *
 * A server that sleeps between two requests charges each wake-up, some 4 us of
 * CPU time, to the client that sends the next one. A client that keeps it busy
 * (wrk) never pays that, a slower one always does, and what is compared is the
 * server's sleep. So the worker looks again and again, without waiting, as long
 * as the newest event is not older than BUSY_MS; after that it may sleep.
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

/* A timeout shorter than BUSY_MS is nginx's next timer: it is kept to the
 * coarse clock's few milliseconds. */
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
