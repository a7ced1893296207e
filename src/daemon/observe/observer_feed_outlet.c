/*
 * observer_feed_outlet.c - what the events of outlets and inboxes mean for
 * operators; and how far an outlet is behind.
 */
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/observe/observer_feed.h"
#include "daemon/observe/observer_private.h"

/* Outlets */

void observer_feed_outlet(struct gather_outlet *outlet,
                          const struct forwarder_event *event)
{
    static const struct {
        const char *name;                 /* in the event */
        enum observer_outlet_state state; /* what it means */
    } states[] = {{"waiting", OBSERVER_OUTLET_WAITING},
                  {"blocked", OBSERVER_OUTLET_BLOCKED},
                  {"broken", OBSERVER_OUTLET_BROKEN},
                  {"working", OBSERVER_OUTLET_WORKING}};
    struct observer *observer = &outlet->gather->observer;
    struct observer_note note = {
        .now_ms = wall_clock_ms(),
        .text = event->why,
        .delay_ms = event->delay_ms,
        .arrival = event->arrival,
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(event->state, states[i].name) == 0) {
            observer_outlet_enter(observer, &outlet->seen, event->server,
                                  event->queue, states[i].state, &note);
            return;
        }
    }
    if (strcmp(event->state, "elsewhere") == 0) {
        observer_outlet_forget_lane(observer, &outlet->seen, event->server,
                                    event->queue, &note);
    } else if (strcmp(event->state, "at rest") != 0) {
        observer_outlet_tell(
            observer, &outlet->seen, event->server, event->queue,
            strcmp(event->state, "dead letter") == 0 ? "dead_letter"
            : strcmp(event->state, "replay") == 0    ? "replay"
                                                     : "warning",
            &note);
    }
}

void observer_feed_released(struct gather_outlet *outlet, const char *server,
                            const char *queue)
{
    struct observer_note note = observer_note_now("");
    observer_outlet_enter(&outlet->gather->observer, &outlet->seen, server,
                          queue, OBSERVER_OUTLET_WORKING, &note);
}

/* It counts from 0 again when it is restarted. */
static void count_delivered(struct observer_outlet *seen,
                            const struct forwarder_stats *stats)
{
    if (stats->delivered_count < seen->delivered_now) {
        seen->delivered_now = 0;
    }
    seen->delivered_count += stats->delivered_count - seen->delivered_now;
    seen->delivered_now = stats->delivered_count;
    if (stats->delivered_at_ms > 0) {
        seen->success_ms = stats->delivered_at_ms;
    }
}

void observer_feed_lag(struct gather_outlet *outlet)
{
    struct forwarder_stats stats;
    if (outlet->forwarder == NULL) {
        return;
    }
    forwarder_stats(outlet->forwarder, &stats);
    uint64_t settled = stats.delivered_count + stats.filtered_count +
                       stats.dead_letter_count + stats.skipped_count;
    count_delivered(&outlet->seen, &stats);
    outlet_lag_settled(&outlet->lag, settled, stats.is_caught_up);
}

/* In order of arrival, what was stored before is between the cursor and the
 * first of these. */
void observer_feed_stored(struct gather_outlet *outlet, uint64_t last_arrival,
                          size_t count)
{
    struct forwarder_stats stats = {0};
    uint64_t before = 0;
    if (count == 0) {
        return;
    }
    if (outlet->forwarder != NULL && !outlet->lag.is_begun) {
        forwarder_stats(outlet->forwarder, &stats);
    }
    if (stats.cursor > 0 && last_arrival > stats.cursor + count) {
        before = last_arrival - count - stats.cursor;
    }
    uint64_t now_ms = wall_clock_ms();
    if (outlet_lag_is_due(&outlet->lag, now_ms)) {
        observer_feed_lag(outlet);
    }
    outlet_lag_arrived(&outlet->lag, before, count, now_ms);
}

/* Inboxes */

static void on_committed(struct inbox *opened, uint64_t duration_us,
                         bool is_stored, void *data)
{
    struct gather_inbox *inbox = data;
    (void)opened;
    if (is_stored) {
        observer_inbox_committed(&inbox->seen, duration_us);
    } else {
        inbox->seen.failed_commit_count++;
    }
}

void observer_feed_opened(struct gather_inbox *inbox)
{
    inbox_listen_commits(inbox->inbox, on_committed, inbox);
}

void observer_feed_inbox_warning(struct gather_inbox *inbox, const char *text)
{
    struct observer_note note = observer_note_now(text);
    observer_inbox_warn(&inbox->gather->observer, &inbox->seen, &note);
}

void observer_feed_space(struct gather_inbox *inbox, bool is_short,
                         const char *why)
{
    struct observer_note note = observer_note_now(why);
    observer_inbox_enter(
        &inbox->gather->observer, &inbox->seen,
        is_short ? OBSERVER_INBOX_SHORT : OBSERVER_INBOX_WORKING, &note);
}
