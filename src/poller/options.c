#include "poller/options.h"

#include <stdio.h>

void options_copy_why(char *why, size_t why_size, const struct reason *reason)
{
    if (why != NULL && why_size > 0) {
        snprintf(why, why_size, "%s", reason->text);
    }
}

int options_missing(char *why, size_t why_size)
{
    struct reason reason;
    int error = reason_set(&reason, HAPLO_EINVAL,
                           "no options, or their struct_size is not set");
    options_copy_why(why, why_size, &reason);
    return error;
}

/* Names appear in logs, paths and metrics: printable, no slash, bounded. */
int options_check_name(const char *what, const char *name, struct reason *why)
{
    if (name == NULL || name[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL, "a %s needs a name", what);
    }
    if (strlen(name) > HAPLO_NAME_SIZE_MAX) {
        return reason_set(why, HAPLO_EINVAL,
                          "the %s's name is longer than %d bytes", what,
                          HAPLO_NAME_SIZE_MAX);
    }
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return reason_set(why, HAPLO_EINVAL, "a %s must not be named \"%s\"",
                          what, name);
    }
    for (const char *c = name; *c != '\0'; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '/') {
            return reason_set(why, HAPLO_EINVAL,
                              "the %s's name contains a space, a slash or a "
                              "control character: \"%s\"",
                              what, name);
        }
    }
    return 0;
}
