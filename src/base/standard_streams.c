#include "base/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Standard input can only be written, the others only be read. Returns the
 * lowest free number, or -1. */
static int open_for_nothing(int number)
{
    int opened =
        open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);

    /* A chroot may lack /dev. */
    return opened >= 0 ? opened : open("/", O_PATH);
}

int standard_streams_open(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++) {
        if (fcntl(number, F_GETFD) >= 0) {
            continue;
        }
        /* All lower numbers are taken, so it gets this one. */
        if (open_for_nothing(number) < 0) {
            return errno;
        }
    }
    return 0;
}
