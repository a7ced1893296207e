/* Preloaded, it keeps the loop of the main thread from turning while the file
 * that STALLED_LOOP names exists. */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

typedef int epoll_pwait_function(int epoll, struct epoll_event *events,
                                 int count_max, int timeout,
                                 const sigset_t *mask);

static void wait_while_there(const char *path)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    while (path != NULL && access(path, F_OK) == 0) {
        (void)nanosleep(&moment, NULL);
    }
}

HOOK int epoll_pwait(int epoll, struct epoll_event *events, int count_max,
                     int timeout, const sigset_t *mask)
{
    epoll_pwait_function *next;
    *(void **)&next = dlsym(RTLD_NEXT, "epoll_pwait");
    if (syscall(SYS_gettid) == getpid()) {
        wait_while_there(getenv("STALLED_LOOP"));
    }
    return next(epoll, events, count_max, timeout, mask);
}

HOOK int epoll_wait(int epoll, struct epoll_event *events, int count_max,
                    int timeout)
{
    return epoll_pwait(epoll, events, count_max, timeout, NULL);
}
