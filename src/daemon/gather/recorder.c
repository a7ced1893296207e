#include "daemon/gather/recorder.h"

#include "base/wall_clock.h"
#include "daemon/observe/observer_feed.h"

#define LATE_MS 20 /* behind the end of a minute: timers may be early */

static void note_outlet(struct gather_outlet *outlet, uint64_t now_ms,
                        struct timeline_state *sum)
{
    observer_feed_lag(outlet);
    const struct timeline_state own = {
        .forwarded_count = outlet->seen.delivered_count,
        .backlog_count = outlet_lag_messages(&outlet->lag),
        .lag_ms = outlet_lag_ms(&outlet->lag, now_ms),
    };
    timeline_note(&outlet->timeline, now_ms, &own);
    sum->forwarded_count += own.forwarded_count;
    sum->backlog_count += own.backlog_count;
    sum->lag_ms = own.lag_ms > sum->lag_ms ? own.lag_ms : sum->lag_ms;
}

static size_t trouble_count(const struct gather *gather)
{
    const size_t *counts = gather->observer.sums.queue_counts;
    size_t count = gather->config->held_count + gather->observer.untried_count;
    for (int i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        if (i != OBSERVER_QUEUE_STARTING && i != OBSERVER_QUEUE_WORKING &&
            i != OBSERVER_QUEUE_ELSEWHERE && i != OBSERVER_QUEUE_PAUSED) {
            count += counts[i];
        }
    }
    return count;
}

static void note_minute(struct gather *gather)
{
    uint64_t now_ms = wall_clock_ms();
    struct timeline_state state = {
        .trouble_count = trouble_count(gather),
        .received_count = gather->observer.sums.stored_count,
    };
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        note_outlet(outlet, now_ms, &state);
    }
    timeline_note(&gather->timeline, now_ms, &state);
}

static void plan(struct recorder *recorder);

static void on_timer(uv_timer_t *timer)
{
    struct recorder *recorder = timer->data;
    note_minute(recorder->gather);
    plan(recorder);
}

static void plan(struct recorder *recorder)
{
    uint64_t left_ms =
        TIMELINE_MINUTE_MS - wall_clock_ms() % TIMELINE_MINUTE_MS;
    uv_timer_start(&recorder->timer, on_timer, left_ms + LATE_MS, 0);
}

void recorder_open(struct recorder *recorder, uv_loop_t *loop,
                   struct gather *gather)
{
    *recorder = (struct recorder){.gather = gather};
    uv_timer_init(loop, &recorder->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&recorder->timer);
    recorder->timer.data = recorder;
    plan(recorder);
}

void recorder_close(struct recorder *recorder)
{
    uv_close((uv_handle_t *)&recorder->timer, NULL);
}
