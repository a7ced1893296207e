/*
 * route.h - which messages an outlet accepts: what `when` in the configuration
 * means. Pure.
 *
 * Rules are a list of alternatives, one of which must match. An alternative is
 * a list of tests, all of which must match. A test has a key, which selects a
 * value of the message, and values, one of which must match it:
 *
 *     {/action: "object:change", /object/type/code: ["std:type:*"]}
 *     {workType: "example:thesis", state: [submitted, accepted]}
 *
 *   - A key that begins with '/' is a JSON pointer (RFC 6901).
 *   - The keys workType, state and closed are the short form for workflows:
 *     one entry of /object/workflows must match all of them.
 *   - A string matches if the pattern (glob.h) does. A number, true and false
 *     match if they are written in the same way. Both null and a value that is
 *     missing match `null`.
 *   - An array matches if one of its elements does, a map never.
 *   - Of duplicate keys in a message, the first one counts (json_select.h).
 *   - What is not JSON, as messages in the format "raw", is not accepted.
 */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

struct route_test {
    const char *key;           /* see above */
    const char *const *values; /* any of them */
    size_t value_count;        /* at least one */
};

struct route_alternative {
    const struct route_test *tests; /* all of them */
    size_t count;                   /* at least one */
};

struct route_rules {
    const struct route_alternative *alternatives; /* any of them */
    size_t count;                                 /* at least one */
};

/* Check a key and a value. Return 0, or HAPLO_EINVAL with why set. */
int route_key_check(const char *key, struct reason *why);
int route_value_check(const char *value, struct reason *why);

/* The name of the short form at index; NULL past the last. */
const char *route_short_form(size_t index);

struct route;

/* Compiles rules. Borrows them. Returns 0; HAPLO_EINVAL with why set; or
 * HAPLO_ENOMEM. */
int route_new(struct route **out, const struct route_rules *rules,
              struct reason *why);

/* route may be NULL. */
void route_free(struct route *route);

/* Returns 1 if the message is accepted, 0 if not, or HAPLO_ENOMEM. */
int route_accepts(struct route *route, const char *text, size_t size);

#endif
