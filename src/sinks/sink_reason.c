#include "sinks/sink_reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

/* The rest of a line must find room beside it. */
#define PATH_SHOWN_SIZE_MAX 320

void sink_reason(char *why, size_t why_size, const char *format, ...)
{
    va_list arguments;

    if (why_size == 0) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    for (; *why != '\0'; why++) {
        if ((unsigned char)*why < ' ' || *why == '\x7f') {
            *why = ' ';
        }
    }
}

/* "" where the system's own words have to do. */
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

void sink_reason_errno(char *why, size_t why_size, const char *path,
                       const char *what, int number)
{
    char system[128];

    uv_strerror_r(uv_translate_sys_error(number), system, sizeof(system));
    sink_reason(why, why_size, "%.*s%s: %s: %s%s", PATH_SHOWN_SIZE_MAX, path,
                strlen(path) > PATH_SHOWN_SIZE_MAX ? "..." : "", what, system,
                errno_advice(number));
}
