/*
 * forwarder_options.c - the options that all outlets have.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "outlets/forwarder/forwarder_private.h"

#define IN_OPTIONS(field) .offset = offsetof(struct forwarder_options, field)

/* Returns 0, or HAPLO_EINVAL. */
static int start_parse(const char *text, uint64_t *start_ms)
{
    if (strcmp(text, "beginning") == 0) {
        *start_ms = INBOX_START_BEGINNING;
        return 0;
    }
    if (strcmp(text, "now") == 0) {
        *start_ms = INBOX_START_NOW;
        return 0;
    }
    return wall_clock_parse(text, start_ms);
}

static int start_check(const char *value, char *why, size_t why_size)
{
    uint64_t start_ms;

    return start_parse(value, &start_ms) == 0
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "write now, beginning, or a date in UTC such as "
                              "2026-11-28 or 2026-11-28T20:49:16Z");
}

uint64_t forwarder_start_ms(const struct forwarder *forwarder)
{
    uint64_t start_ms = INBOX_START_BEGINNING;

    if (forwarder->options->start != NULL) {
        /* Cannot fail: the configuration has checked it. */
        (void)start_parse(forwarder->options->start, &start_ms);
    }
    return start_ms;
}

const struct option_row forwarder_option_rows[] = {
    {
        .name = "start",
        .value = OPTION_TEXT,
        .fallback = "beginning",
        .word = "TIME",
        .check = start_check,
        IN_OPTIONS(start),
        .help = "Where an outlet begins whose name has no progress in the "
                "inbox yet: beginning (all messages that are stored), now "
                "(those that arrive from now on), or a date in UTC, such as "
                "2026-11-28 or 2026-11-28T20:49:16Z (those received since "
                "then). It has no effect on an outlet that has begun.",
    },
    {
        .name = "on_refused",
        .value = OPTION_CHOICE,
        .choices = "block dead_letter",
        .fallback = "block",
        IN_OPTIONS(on_refused),
        .help =
            "What happens to a message that the destination refuses because "
            "of its data. With block, its queue waits until an operator "
            "decides (haplo-poll outlet retry, skip or dead-letter); other "
            "queues go on. With dead_letter, it is kept as a dead letter "
            "(haplo-poll dead-letters) and passed over, once the destination "
            "has accepted another message. Many refusals in a row are a broken "
            "destination and make no dead letters.",
    },
    {
        .name = "in_flight_max",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 1000,
        .fallback = "none",
        IN_OPTIONS(in_flight_max),
        .help = "The maximum number of parcels that the outlet delivers at a "
                "time, each of another queue. The default depends on the "
                "type.",
    },
    {
        .name = "read_ahead_max",
        .value = OPTION_SIZE,
        .min = 65536,
        .max = UINT64_C(1) << 34,
        .fallback = "16M",
        IN_OPTIONS(read_ahead_bytes_max),
        .help = "The size of the messages that the outlet holds in memory. "
                "One parcel is read even if it is larger.",
    },
    {
        .name = "backoff",
        .value = OPTION_DURATION,
        .min = 10,
        .max = HAPLO_WAIT_MS_MAX,
        .fallback = "1s",
        IN_OPTIONS(backoff_ms),
        .help = "The first wait after a failed delivery. It doubles with each "
                "further failure, with jitter.",
    },
    {
        .name = "backoff_max",
        .value = OPTION_DURATION,
        .min = 10,
        .max = HAPLO_WAIT_MS_MAX,
        .fallback = "5m",
        IN_OPTIONS(backoff_max_ms),
        .help = "The longest wait after failed deliveries.",
    },
    {
        .name = "breaker_failures",
        .value = OPTION_COUNT_32,
        .min = 1,
        .max = 1000,
        .fallback = "5",
        IN_OPTIONS(breaker_failures),
        .help = "After so many failed deliveries in a row the destination is "
                "taken to be broken: all queues wait, and one parcel at a time "
                "probes it.",
    },
    {
        .name = "breaker_refusals",
        .value = OPTION_COUNT_32,
        .min = 2,
        .max = 1000,
        .fallback = "10",
        IN_OPTIONS(breaker_refusals),
        .help = "The same after so many different messages in a row that are "
                "refused because of their data.",
    },
};

const size_t forwarder_option_count =
    sizeof(forwarder_option_rows) / sizeof(forwarder_option_rows[0]);

bool forwarder_pattern_matches(const char *pattern, const char *server,
                               const char *queue)
{
    char name[2 * HAPLO_NAME_SIZE_MAX + 2];
    int size = snprintf(name, sizeof(name), "%s/%s", server, queue);

    return size > 0 && (size_t)size < sizeof(name) &&
           fnmatch(pattern, name, FNM_PATHNAME) == 0;
}

bool forwarder_options_want(const struct forwarder_options *options,
                            const char *server, const char *queue)
{
    for (size_t i = 0; i < options->queue_count; i++) {
        if (forwarder_pattern_matches(options->queues[i], server, queue)) {
            return true;
        }
    }
    return options->queue_count == 0;
}

bool forwarder_wants(const struct forwarder *forwarder, const char *server,
                     const char *queue)
{
    return forwarder_options_want(forwarder->options, server, queue);
}
