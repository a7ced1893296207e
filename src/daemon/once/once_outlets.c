/*
 * once_outlets.c - waits for the outlets, once `once` has stored all messages.
 *
 *   - Each outlet forwards until it has caught up. No more messages are stored
 *     by then.
 *   - An outlet that cannot continue now, because a message was refused, its
 *     destination is broken, its inbox cannot be used, or its next attempt is
 *     later, is reported with the reason and has failed. What it has not
 *     delivered stays for the next run.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/once/once.h"

bool once_outlets_are_at_rest(const struct once *once)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&once->session.gather.outlets, &cursor))) {
        struct forwarder_stats stats;
        if (outlet->forwarder == NULL) {
            return false; /* it is being restarted */
        }
        forwarder_stats(outlet->forwarder, &stats);
        if (!stats.is_at_rest && !stats.is_inbox_down) {
            return false;
        }
    }
    return true;
}

/* "outlet out: 2 queues blocked, 1 waiting: WHY" */
static void report(struct once *once, const struct forwarder_stats *stats)
{
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    char lanes[128] = "not caught up";
    if (stats->is_inbox_down) {
        snprintf(lanes, sizeof lanes, "its inbox cannot be used");
    } else if (stats->is_broken) {
        snprintf(lanes, sizeof lanes, "its destination is broken");
    } else if (stats->blocked_lane_count > 0) {
        snprintf(lanes, sizeof lanes,
                 "queues blocked by a refused message: %zu, waiting: %zu",
                 stats->blocked_lane_count, stats->waiting_lane_count);
    } else if (stats->waiting_lane_count > 0) {
        snprintf(lanes, sizeof lanes, "queues waiting for their next try: %zu",
                 stats->waiting_lane_count);
    }
    snprintf(text, sizeof text, "outlet %s: %s%s%s", stats->name, lanes,
             stats->why[0] == '\0' ? "" : ": ", stats->why);
    once_report_line(&once->report, text);
    once->failed_count++;
}

void once_outlets_report(struct once *once)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&once->session.gather.outlets, &cursor))) {
        struct forwarder_stats stats;
        if (outlet->forwarder == NULL) {
            continue;
        }
        forwarder_stats(outlet->forwarder, &stats);
        if (!stats.is_caught_up) {
            report(once, &stats);
        }
    }
}

void once_outlets_note(struct once *once, const struct forwarder_event *event)
{
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    if (strcmp(event->state, "blocked") == 0 && event->server != NULL) {
        snprintf(text, sizeof text,
                 "outlet %s: %s/%s is blocked by its message %llu: %s",
                 event->outlet, event->server, event->queue,
                 (unsigned long long)event->arrival, event->why);
        once_report_line(&once->report, text);
    }
    once_wake(once);
}
