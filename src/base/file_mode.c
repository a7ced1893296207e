#include "base/file_mode.h"

#include <errno.h>
#include <sys/stat.h>

#define MODE_BITS 07777

int file_mode_set(int descriptor, mode_t mode)
{
    struct stat status;

    if (fstat(descriptor, &status) != 0) {
        return errno;
    }
    if (S_ISDIR(status.st_mode)) {
        mode |= status.st_mode & S_ISGID;
    }
    if ((status.st_mode & MODE_BITS) == mode || fchmod(descriptor, mode) == 0) {
        return 0;
    }
    return errno == EPERM || errno == ENOTSUP ? 0 : errno;
}
