/*
 * environment.h - whether something that belongs to one environment, such as
 * test, is about to be used in another. It remembers the name; "" stands for no
 * environment.
 */
#ifndef BASE_ENVIRONMENT_H
#define BASE_ENVIRONMENT_H

#include "base/reason.h"

/* what: "state_dir /var/lib/haplo-poll". Returns 0 if both are the same, or
 * HAPLO_EINVAL with why set. */
int environment_compare(const char *what, const char *remembered,
                        const char *selected, struct reason *why);

#endif
