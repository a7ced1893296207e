/*
 * metrics_outlet.c - metrics of outlets and inboxes.
 */
#include "daemon/admin/metrics.h"
#include "daemon/observe/observer.h"

#define WRITE(name) \
    static void name(struct metric_writer *w, const void *object)

/* Outlets */

#define OUTLET ((const struct gather_outlet *)object)

static struct forwarder_stats outlet_stats(const void *object)
{
    const struct gather_outlet *outlet = object;
    struct forwarder_stats stats = {.why = ""};
    if (outlet->forwarder != NULL) {
        forwarder_stats(outlet->forwarder, &stats);
    }
    return stats;
}

WRITE(outlet_up)
{
    metric_put(w, OUTLET->seen.state == OBSERVER_OUTLET_WORKING);
}

WRITE(outlet_state)
{
    for (int i = 0; i < OBSERVER_OUTLET_STATE_COUNT; i++) {
        if (i != OBSERVER_OUTLET_BLOCKED) {
            metric_put_label(
                w, "state",
                observer_outlet_label((enum observer_outlet_state)i),
                (int)OUTLET->seen.state == i);
        }
    }
}

WRITE(outlet_lag)
{
    metric_put_count(w, outlet_lag_messages(&OUTLET->lag));
}

WRITE(outlet_lag_time)
{
    metric_put(w, (double)outlet_lag_ms(&OUTLET->lag, w->now_ms) / 1000);
}

WRITE(outlet_blocked)
{
    metric_put_count(w, outlet_stats(object).blocked_lane_count);
}

WRITE(outlet_waiting)
{
    metric_put_count(w, outlet_stats(object).waiting_lane_count);
}

WRITE(outlet_delivered)
{
    metric_put_count(w, outlet_stats(object).delivered_count);
}

WRITE(outlet_filtered)
{
    metric_put_count(w, outlet_stats(object).filtered_count);
}

WRITE(outlet_dead_letters)
{
    metric_put_count(w, outlet_stats(object).dead_letter_count);
}

WRITE(outlet_skipped)
{
    metric_put_count(w, outlet_stats(object).skipped_count);
}

WRITE(outlet_failures)
{
    for (int i = OBSERVER_OUTLET_WAITING; i < OBSERVER_OUTLET_STATE_COUNT;
         i++) {
        metric_put_label(w, "class",
                         observer_outlet_label((enum observer_outlet_state)i),
                         (double)OUTLET->seen.failures[i]);
    }
}

WRITE(outlet_retries)
{
    metric_put_count(w, outlet_stats(object).retry_count);
}

#undef OUTLET

/* Inboxes */

#define INBOX ((const struct gather_inbox *)object)

WRITE(inbox_up)
{
    metric_put(w,
               INBOX->is_open && INBOX->seen.state == OBSERVER_INBOX_WORKING);
}

WRITE(inbox_state)
{
    for (int i = 0; i < OBSERVER_INBOX_STATE_COUNT; i++) {
        metric_put_label(w, "state",
                         observer_inbox_label((enum observer_inbox_state)i),
                         (int)INBOX->seen.state == i);
    }
}

WRITE(inbox_commits)
{
    static const uint64_t bounds_ms[] = OBSERVER_COMMIT_BOUNDS;
    double bounds[OBSERVER_COMMIT_BUCKET_COUNT];
    for (size_t i = 0; i + 1 < OBSERVER_COMMIT_BUCKET_COUNT; i++) {
        bounds[i] = (double)bounds_ms[i] / 1000;
    }
    metric_put_histogram(w, bounds, INBOX->seen.commits,
                         OBSERVER_COMMIT_BUCKET_COUNT,
                         (double)INBOX->seen.commit_sum_us / 1e6);
}

WRITE(inbox_failed_commits)
{
    metric_put_count(w, INBOX->seen.failed_commit_count);
}

WRITE(inbox_warnings)
{
    metric_put_count(w, INBOX->seen.warning_count);
}

WRITE(inbox_success_time)
{
    metric_put_time(w, INBOX->seen.success_ms);
}

WRITE(inbox_unrouted)
{
    metric_put_count(w, INBOX->unrouted.count);
}

static struct inbox_disk disk_of(const void *object)
{
    return INBOX->is_open && INBOX->inbox != NULL ? inbox_disk(INBOX->inbox)
                                                  : (struct inbox_disk){0};
}

WRITE(inbox_free)
{
    struct inbox_disk disk = disk_of(object);
    if (disk.disk_bytes > 0) {
        metric_put_count(w, disk.free_bytes);
    }
}

WRITE(inbox_disk_size)
{
    struct inbox_disk disk = disk_of(object);
    if (disk.disk_bytes > 0) {
        metric_put_count(w, disk.disk_bytes);
    }
}

WRITE(inbox_wal)
{
    struct inbox_disk disk = disk_of(object);
    if (disk.disk_bytes > 0) {
        metric_put_count(w, disk.wal_bytes);
    }
}

#undef INBOX

#define G METRIC_GAUGE
#define C METRIC_COUNTER
#define H METRIC_HISTOGRAM
#define OUTLET METRIC_OUTLET, "outlet"
#define INBOX METRIC_INBOX, "inbox"

const struct metric metrics_of_outlets[] = {
    {"outlet_up", G, OUTLET,
     "1 unless its destination or its inbox does not work", outlet_up},
    {"outlet_state", G, METRIC_OUTLET, "outlet state",
     "1 for the state it is in, otherwise 0", outlet_state},
    {"outlet_lag_messages", G, OUTLET,
     "Messages in the inbox that it has not processed yet", outlet_lag},
    {"outlet_lag_seconds", G, OUTLET,
     "How long ago the oldest of these was stored, or 0", outlet_lag_time},
    {"outlet_blocked_queues", G, OUTLET,
     "Queues that a refused message holds up", outlet_blocked},
    {"outlet_waiting_queues", G, OUTLET, "Queues that are retried later",
     outlet_waiting},
    {"outlet_delivered_messages", C, OUTLET, "Messages that it delivered",
     outlet_delivered},
    {"outlet_filtered_messages", C, OUTLET, "Messages that it does not want",
     outlet_filtered},
    {"outlet_dead_letters", C, OUTLET, "Messages that became dead letters",
     outlet_dead_letters},
    {"outlet_skipped_messages", C, OUTLET, "Messages that operators skipped",
     outlet_skipped},
    {"outlet_retries", C, OUTLET, "Deliveries that had to be retried",
     outlet_retries},
    {"outlet_failures", C, METRIC_OUTLET, "outlet class",
     "Times that it or a queue of it had to wait, was broken or blocked",
     outlet_failures},

    {"inbox_up", G, INBOX, "1 if it stores messages", inbox_up},
    {"inbox_state", G, METRIC_INBOX, "inbox state",
     "1 for the state it is in, otherwise 0", inbox_state},
    {"inbox_commit_seconds", H, INBOX, "How long commits took", inbox_commits},
    {"inbox_failed_commits", C, INBOX, "Commits that failed",
     inbox_failed_commits},
    {"inbox_warnings", C, INBOX, "Warnings about it", inbox_warnings},
    {"inbox_last_success_timestamp_seconds", G, INBOX,
     "When something was last stored, Unix time", inbox_success_time},
    {"inbox_unrouted_messages", C, INBOX, "Messages that no outlet forwards",
     inbox_unrouted},
    {"inbox_free_bytes", G, INBOX,
     "Free space on its disk when it last stored something; SQLite only",
     inbox_free},
    {"inbox_disk_bytes", G, INBOX, "Size of this disk; SQLite only",
     inbox_disk_size},
    {"inbox_wal_bytes", G, INBOX,
     "Size of its write-ahead log, likewise; SQLite only", inbox_wal},
};

const size_t metrics_of_outlets_count =
    sizeof metrics_of_outlets / sizeof metrics_of_outlets[0];
