/*
 * options.h - shared handling of the public options structs: sizes, defaults,
 * names.
 */
#ifndef POLLER_OPTIONS_H
#define POLLER_OPTIONS_H

#include "base/reason.h"

#define DEFAULT_TO(field, value) \
    do {                         \
        if ((field) == 0) {      \
            (field) = (value);   \
        }                        \
    } while (0)

/* What validation.c says of a server's or queue's name, of an API key, and of
 * a server's URL and proxy: 0, or HAPLO_EINVAL with why set. */
int options_check_name(const char *what, const char *name, struct reason *why);
int options_check_key(const char *key, struct reason *why);
int options_check_urls(const struct haplo_server_options *options,
                       struct reason *why);

/* A wait or time limit, and the option that it is. */
struct option_wait {
    const char *name;
    uint64_t value_ms;
};

/* 0, or HAPLO_EINVAL with why set: one exceeds HAPLO_WAIT_MS_MAX. */
int options_check_waits(const struct option_wait *waits, size_t count,
                        struct reason *why);

/* Copies an options struct of the application, which begins with its
 * struct_size, to one of `size` bytes. One that was built against an older
 * header is shorter: the rest is zeroed. One that is longer may set nothing
 * that we do not know. 0, or HAPLO_EINVAL with why set. */
int options_copy(void *to, size_t size, const void *given, struct reason *why);

/* Copies the reason of an error to the application, whose why may be NULL.
 * Returns the error. */
int options_explain(int error, char *why, size_t why_size,
                    const struct reason *reason);

#endif
