/* Preloaded, it makes a process look like a host of its own:
 *
 *   - Its connections to 127.0.0.1 come from TEST_HOST_ADDRESS, by which a
 *     server tells hosts apart.
 *   - Those to a port of TEST_HOST_PORTS go to that address instead, where a
 *     proxy can stop forwarding.
 *   - Its wall clock differs by the milliseconds in the file TEST_HOST_CLOCK,
 *     which may change at any time. The other clocks are those of the system.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* -- Connections ---------------------------------------------------------- */

static int is_through_proxy(unsigned port)
{
    const char *rest = getenv("TEST_HOST_PORTS");
    char *end;

    while (rest != NULL && *rest != '\0') {
        if (strtoul(rest, &end, 10) == port) {
            return 1;
        }
        rest = *end == '\0' ? end : end + 1;
    }
    return 0;
}

/* Changes where it goes, and where it comes from. */
static void redirect(int fd, struct sockaddr_in *to)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    const char *address = getenv("TEST_HOST_ADDRESS");
    int type = 0;
    int yes = 1;
    socklen_t size = sizeof type;

    if (address == NULL || to->sin_addr.s_addr != htonl(INADDR_LOOPBACK) ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
        type != SOCK_STREAM || inet_aton(address, &own.sin_addr) == 0) {
        return;
    }
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    (void)bind(fd, (const struct sockaddr *)&own, sizeof own);
    if (is_through_proxy(ntohs(to->sin_port))) {
        to->sin_addr = own.sin_addr;
    }
}

HOOK int connect(int fd, const struct sockaddr *to, socklen_t size)
{
    static int (*real)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in changed;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "connect");
    }
    if (to->sa_family != AF_INET || size != sizeof changed) {
        return real(fd, to, size);
    }
    memcpy(&changed, to, sizeof changed);
    redirect(fd, &changed);
    return real(fd, (const struct sockaddr *)&changed, sizeof changed);
}

/* -- The wall clock ------------------------------------------------------- */

static int64_t offset_ms(void)
{
    static const volatile int64_t *offset;
    const char *path = getenv("TEST_HOST_CLOCK");

    if (offset == NULL && path != NULL) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        void *map = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            abort();
        }
        (void)close(fd);
        offset = map;
    }
    return offset == NULL ? 0 : *offset;
}

HOOK int clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    int result;

    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    result = real(clock, time);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        int64_t ms = offset_ms() + time->tv_nsec / 1000000;
        int64_t rest_ms = (ms % 1000 + 1000) % 1000;
        time->tv_sec += (ms - rest_ms) / 1000;
        time->tv_nsec = rest_ms * 1000000 + time->tv_nsec % 1000000;
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
