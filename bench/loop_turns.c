/*
 * loop_turns.c - preloaded into a program with one libuv loop: measures each
 * turn of the loop, from one epoll_wait() or epoll_pwait() of the main thread
 * to the next. That is how long nothing else can happen in the loop.
 *
 * The figures are in a file that LOOP_TURNS names, which whoever measures maps
 * as well: it sets them to 0, and reads them later.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct turns {
    uint64_t count;      /* of turns */
    uint64_t longest_ns; /* by the clock */
    uint64_t busiest_ns; /* by the CPU time of the thread */
    uint64_t long_count; /* turns above 5 ms of CPU time */
};

static struct turns *turns;
static struct timespec began_clock;
static struct timespec began_cpu;

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("LOOP_TURNS");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *memory = mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE,
                            MAP_SHARED, fd, 0);
        turns = memory == MAP_FAILED ? NULL : memory;
        close(fd);
    }
}

static uint64_t since(clockid_t clock, const struct timespec *began)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)(now.tv_sec - began->tv_sec) * 1000000000 +
           (uint64_t)now.tv_nsec - (uint64_t)began->tv_nsec;
}

static int is_watched(void)
{
    return turns != NULL && syscall(SYS_gettid) == getpid();
}

static void end_turn(void)
{
    if (began_clock.tv_sec == 0 || !is_watched()) {
        return;
    }
    uint64_t clock_ns = since(CLOCK_MONOTONIC, &began_clock);
    uint64_t cpu_ns = since(CLOCK_THREAD_CPUTIME_ID, &began_cpu);
    turns->count++;
    turns->long_count += cpu_ns > 5000000;
    if (clock_ns > turns->longest_ns) {
        turns->longest_ns = clock_ns;
    }
    if (cpu_ns > turns->busiest_ns) {
        turns->busiest_ns = cpu_ns;
    }
}

static void begin_turn(void)
{
    if (is_watched()) {
        clock_gettime(CLOCK_MONOTONIC, &began_clock);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began_cpu);
    }
}

__attribute__((visibility("default"))) int epoll_pwait(
    int epoll, struct epoll_event *events, int event_count, int timeout,
    const sigset_t *mask)
{
    static int (*real)(int, struct epoll_event *, int, int, const sigset_t *);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_pwait");
    }
    end_turn();
    int result = real(epoll, events, event_count, timeout, mask);
    begin_turn();
    return result;
}

__attribute__((visibility("default"))) int epoll_wait(
    int epoll, struct epoll_event *events, int event_count, int timeout)
{
    return epoll_pwait(epoll, events, event_count, timeout, NULL);
}
