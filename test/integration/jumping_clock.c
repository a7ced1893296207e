/* Preloaded, it makes the wall clock jump by years with each look at it. */
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#define HOOK __attribute__((visibility("default")))
#define YEAR_S 31557600

static long jump_s(void)
{
    static unsigned count;
    static const long years[] = {0, 3, -20, 10, -1, 5, -7};

    return years[count++ % 7] * YEAR_S;
}

HOOK int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    result = real(clock, time);
    if (clock == CLOCK_REALTIME) {
        time->tv_sec += jump_s();
    }
    return result;
}

HOOK int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);

    (void)zone;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return result;
}

HOOK time_t time(time_t *to)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (to != NULL) {
        *to = now.tv_sec;
    }
    return now.tv_sec;
}
