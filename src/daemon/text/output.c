#include "daemon/text/output.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log/log.h"

/* Some file systems report a full disk only when a descriptor is closed. If it
 * cannot be duplicated, nothing is known to be lost. */
static int descriptor_flush(void)
{
    int copy = dup(STDOUT_FILENO);
    return copy < 0 || close(copy) == 0 ? 0 : errno;
}

int output_flush(void)
{
    static bool is_told;
    bool has_failed = ferror(stdout) != 0;
    int error = fflush(stdout) == 0 ? descriptor_flush() : errno;
    if (error == 0 && !has_failed) {
        return 0;
    }
    if (!is_told) {
        log_line(LOG_LEVEL_ERROR, "standard output cannot be written: %s",
                 error != 0 ? strerror(error) : "an earlier write failed");
    }
    is_told = true;
    return -1;
}
