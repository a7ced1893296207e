/*
 * inbox_filter.h - which messages of an inbox a command is about.
 */
#ifndef INBOX_INBOX_FILTER_H
#define INBOX_INBOX_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define INBOX_FILTER_NO_END ((uint64_t)INT64_MAX) /* for until_ms */

/* All strings are borrowed. Zeroed except for until_ms, it takes everything. */
struct inbox_filter {
    const char *outlet; /* name of an outlet; NULL or "": any */
    const char *queue;  /* pattern "server/queue" (fnmatch); NULL or "": any */
    uint64_t arrival;   /* only this message; 0: any */
    uint64_t since_ms;  /* not before this time, in Unix milliseconds */
    uint64_t until_ms;  /* before this time */
};

bool inbox_filter_takes_outlet(const struct inbox_filter *filter,
                               const char *outlet);
bool inbox_filter_takes_queue(const struct inbox_filter *filter,
                              const char *server, const char *queue);
bool inbox_filter_takes_time(const struct inbox_filter *filter, uint64_t at_ms);

#endif
