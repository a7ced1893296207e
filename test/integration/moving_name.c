/* Preloaded, it makes server.example.ac.uk have the address that is in the file
 * $MOVING_NAME, and time pass 20 times as fast, so that look-ups, which are
 * made once a minute, need not be waited for. */
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOOK __attribute__((visibility("default")))
#define NAME "server.example.ac.uk"
#define FASTER 20
#define SECOND_NS 1000000000LL

HOOK int clock_gettime(clockid_t clock, struct timespec *now)
{
    static int (*real)(clockid_t, struct timespec *);
    static struct timespec begin;
    long long passed_ns;
    int result;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
        (void)real(CLOCK_MONOTONIC, &begin);
    }
    result = real(clock, now);
    if (clock == CLOCK_MONOTONIC) {
        passed_ns = (now->tv_sec - begin.tv_sec) * SECOND_NS + now->tv_nsec -
                    begin.tv_nsec;
        passed_ns = passed_ns * FASTER + begin.tv_nsec;
        now->tv_sec = begin.tv_sec + (time_t)(passed_ns / SECOND_NS);
        now->tv_nsec = (long)(passed_ns % SECOND_NS);
    }
    return result;
}

static void address_read(char *address, int size)
{
    FILE *file = fopen(getenv("MOVING_NAME"), "r");

    address[0] = '\0';
    if (file != NULL) {
        (void)fgets(address, size, file);
        (void)fclose(file);
    }
}

HOOK int getaddrinfo(const char *restrict name, const char *restrict service,
                     const struct addrinfo *restrict hints,
                     struct addrinfo **restrict result)
{
    static int (*real)(const char *, const char *, const struct addrinfo *,
                       struct addrinfo **);
    char address[64];

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    }
    if (name != NULL && strcmp(name, NAME) == 0) {
        address_read(address, sizeof address);
        name = address;
    }
    return real(name, service, hints, result);
}
