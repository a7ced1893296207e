/* Preloaded, it holds up whoever opens the file that HELD_FILE names for as
 * long as somebody has a lock on the file that HELD_FILE_LOCK names. The file
 * that is then read is the one that was there before the wait. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

typedef int open_function(const char *path, int flags, ...);

static open_function *next_open(void)
{
    open_function *next;
    *(void **)&next = dlsym(RTLD_NEXT, "open");
    return next;
}

static void wait_for_lock(void)
{
    const char *path = getenv("HELD_FILE_LOCK");
    int fd = path == NULL ? -1 : next_open()(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)flock(fd, LOCK_SH);
        close(fd);
    }
}

static int open_held(const char *path, int flags, unsigned mode)
{
    const char *held = getenv("HELD_FILE");
    int fd = next_open()(path, flags, mode);
    if (fd >= 0 && held != NULL && strcmp(path, held) == 0) {
        wait_for_lock();
    }
    return fd;
}

static unsigned mode_of(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, unsigned)
                                                : 0;
}

HOOK int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_held(path, flags, mode);
}

HOOK int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    unsigned mode = mode_of(flags, arguments);
    va_end(arguments);
    return open_held(path, flags, mode);
}
