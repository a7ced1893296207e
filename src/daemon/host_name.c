#include "daemon/host_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reason.h"
#include "config/config.h"

#define MACHINE_NAME_SIZE 256 /* POSIX allows 255 characters */

/* Keeps a name that is valid. */
static int take(const char *name, const char *source, char out[FLEET_HOST_SIZE],
                char *why, size_t why_size)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    if (config_host_check(name, reason, sizeof reason) != 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "%s: \"%s\" cannot be the name of a host: %s",
                            source, name, reason);
    }
    memcpy(out, name, strlen(name) + 1);
    return 0;
}

int host_name(const char *given, char name[FLEET_HOST_SIZE], char *why,
              size_t why_size)
{
    char machine[MACHINE_NAME_SIZE];
    const char *variable = getenv("HAPLO_POLL_HOST");
    if (given != NULL) {
        return take(given, "--host", name, why, why_size);
    }
    if (variable != NULL && variable[0] != '\0') {
        return take(variable, "HAPLO_POLL_HOST", name, why, why_size);
    }
    if (gethostname(machine, sizeof machine) != 0) {
        machine[0] = '\0';
    }
    machine[sizeof machine - 1] = '\0'; /* it may have been truncated */
    return take(machine, "host name (give another one with --host)", name, why,
                why_size);
}
