/* Preloaded, a minute of the wall clock passes in 500 ms, in which it is always
 * near its end. Monotonic time, and so all waits, are as they are. */
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

#define HOOK __attribute__((visibility("default")))
#define SHORT_MS 500
#define MINUTE_MS 60000

HOOK int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    static long long start_s;
    long long ms;
    int result;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    result = real(clock, time);
    if (clock != CLOCK_REALTIME) {
        return result;
    }
    if (start_s == 0) {
        start_s = time->tv_sec / 60 * 60;
    }
    ms = (time->tv_sec - start_s) * 1000LL + time->tv_nsec / 1000000;
    ms = ms / SHORT_MS * MINUTE_MS + MINUTE_MS - SHORT_MS + ms % SHORT_MS;
    time->tv_sec = (time_t)(start_s + ms / 1000);
    time->tv_nsec = (long)(ms % 1000) * 1000000;
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
