#include "base/errno_reason.h"

#include <errno.h>
#include <string.h>

#include <uv.h>

#include "haplopoll.h"

/* Leaves room for the rest of the line. */
#define PATH_SHOWN_SIZE_MAX 320

/* What to do about it; "": only the text of the system is available. */
static const char *errno_advice(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
        return ": let this user write there";
    case EDQUOT:
    case ENOSPC:
        return ": make room on its disk";
    case EFBIG:
        return ": raise the limit of a file's size (ulimit -f)";
    case EIO:
        return ": check the disk";
    case EISDIR:
        return ": a folder is in the place of a file";
    case EMFILE:
    case ENFILE:
        return ": raise the limit of open files (ulimit -n)";
    case ENAMETOOLONG:
        return ": give a shorter path";
    case ENOENT:
        return ": make its parent folder, or give another path";
    case ENOTDIR:
        return ": a file is in the place of a folder";
    case EROFS:
        return ": mount it for writing, or give another path";
    default:
        return "";
    }
}

bool errno_is_outage(int number)
{
    switch (number) {
    case EAGAIN:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOLCK:
    case ENOMEM:
    case ENOSPC:
    case EROFS:
        return true;
    default:
        return false;
    }
}

int errno_reason_set(struct reason *why, int error, const char *path,
                     const char *what, int number)
{
    char system[128];

    uv_strerror_r(uv_translate_sys_error(number), system, sizeof(system));
    return reason_set(why, error, "%.*s%s: %s: %s%s", PATH_SHOWN_SIZE_MAX, path,
                      strlen(path) > PATH_SHOWN_SIZE_MAX ? "..." : "", what,
                      system, errno_advice(number));
}

int errno_reason_classify(struct reason *why, const char *path,
                          const char *what, int number)
{
    int error = errno_is_outage(number) ? HAPLO_EDELIVERY : HAPLO_EINVAL;

    return errno_reason_set(why, error, path, what, number);
}
