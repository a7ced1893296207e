/*
 * summary.h - the daily line that says that all is well, or what is not: a
 * regular sign of life; and the line of the service manager, which says the
 * same of this moment. Pure.
 */
#ifndef DAEMON_SUMMARY_H
#define DAEMON_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/observe/observer.h"

#define SUMMARY_TEXT_SIZE 512

/* Sums over all servers and outlets. Counters are since the start. */
struct summary {
    uint64_t now_ms;            /* when it was taken */
    uint64_t started_ms;        /* of the process */
    uint64_t stored_count;      /* messages */
    uint64_t repeat_count;      /* messages */
    uint64_t resend_count;      /* messages */
    uint64_t failure_count;     /* fetches, deliveries and marks */
    uint64_t delivered_count;   /* messages, by all outlets */
    uint64_t dead_letter_count; /* messages, of all outlets */
    uint64_t unread_count;      /* left on the servers */
    size_t queue_counts[OBSERVER_QUEUE_STATE_COUNT]; /* by state */
    size_t server_count;                             /* all */
    size_t server_up_count;                          /* of those, UP */
    size_t outlet_count;                             /* all */
    size_t outlet_working_count; /* of those, without any trouble */
    uint64_t generation;         /* of the configuration */
};

/* Says what has happened since the one before. Returns text. */
const char *summary_text(const struct summary *summary,
                         const struct summary *before,
                         char text[SUMMARY_TEXT_SIZE]);

/* What the service does now, and what does not work: "polling 200 queues; 3
 * failing". Returns text. */
const char *summary_now_text(const struct summary *summary,
                             char text[SUMMARY_TEXT_SIZE]);

#endif
