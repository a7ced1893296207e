#include "base/environment.h"

#include <string.h>

#include "haplopoll.h"

int environment_compare(const char *what, const char *remembered,
                        const char *selected, struct reason *why)
{
    if (strcmp(remembered, selected) == 0) {
        return 0;
    }
    if (remembered[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL,
                          "%s is in use without an environment, and this is "
                          "environment %s: give that its own",
                          what, selected);
    }
    if (selected[0] == '\0') {
        return reason_set(why, HAPLO_EINVAL,
                          "%s belongs to environment %s, and none is selected: "
                          "run haplo-poll --environment %s, or use another one",
                          what, remembered, remembered);
    }
    return reason_set(why, HAPLO_EINVAL,
                      "%s belongs to environment %s, and this is environment "
                      "%s: give each its own",
                      what, remembered, selected);
}
