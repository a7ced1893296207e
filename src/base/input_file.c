#include "base/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reason.h"

int input_file_open(const char *path, bool is_private, int *fd, char *why,
                    size_t why_size)
{
    struct stat status;

    /* O_NONBLOCK: a FIFO must not block the loop. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "cannot be read: %s: %s", strerror(errno),
                            errno == EACCES
                                ? "give this user permission to read it"
                                : "create the file, or correct the path");
    }
    if (fstat(*fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)reason_write(why, why_size, 0,
                           "not a regular file: correct the path");
    } else if (is_private && (status.st_mode & S_IRWXO) != 0) {
        (void)reason_write(why, why_size, 0,
                           "accessible to others (mode %04o): run chmod 600 %s",
                           (unsigned)(status.st_mode & 07777), path);
    } else {
        return 0;
    }
    close(*fd);
    return HAPLO_EINVAL;
}

int input_file_read(int fd, char *data, size_t size, size_t *filled, char *why,
                    size_t why_size)
{
    *filled = 0;
    while (*filled < size) {
        ssize_t got = read(fd, data + *filled, size - *filled);

        if (got < 0 && errno != EINTR) {
            return reason_write(why, why_size, HAPLO_EINVAL,
                                "cannot be read: %s: try again",
                                strerror(errno));
        }
        if (got == 0) {
            break;
        }
        *filled += got > 0 ? (size_t)got : 0;
    }
    return 0;
}
