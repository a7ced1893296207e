#include "daemon/gather/gather_summary.h"

#include <string.h>

static void read_sums(const struct gather *gather, struct summary *summary)
{
    const struct observer *observer = &gather->observer;
    const struct observer_sums *sums = &observer->sums;
    memcpy(summary->queue_counts, sums->queue_counts,
           sizeof summary->queue_counts);
    summary->stored_count = sums->stored_count;
    summary->repeat_count = sums->repeat_count;
    summary->resend_count = sums->resend_count;
    summary->unread_count = sums->unread_count;
    summary->server_count = gather->servers.count -
                            observer->server_counts[OBSERVER_SERVER_ELSEWHERE];
    summary->server_up_count = observer->server_counts[OBSERVER_SERVER_UP];
    for (size_t i = 0; i < FAILURE_CLASS_COUNT; i++) {
        summary->failure_count += sums->failures[i];
    }
}

static void sum_outlets(const struct gather *gather, struct summary *summary)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        struct forwarder_stats stats = {0};
        if (outlet->forwarder != NULL) {
            forwarder_stats(outlet->forwarder, &stats);
        }
        summary->delivered_count += stats.delivered_count;
        summary->dead_letter_count += stats.dead_letter_count;
        summary->outlet_count++;
        summary->outlet_working_count +=
            outlet->seen.state == OBSERVER_OUTLET_WORKING &&
            stats.blocked_lane_count == 0;
    }
}

void gather_summary(const struct gather *gather, uint64_t now_ms,
                    struct summary *summary)
{
    const struct observer *observer = &gather->observer;
    *summary = (struct summary){
        .now_ms = now_ms,
        .started_ms = observer->started_ms,
        .generation = observer->generation,
    };
    read_sums(gather, summary);
    sum_outlets(gather, summary);
}
