/*
 * forwarder_event.c - reports changes of lanes and of the outlet to operators.
 */
#include <string.h>

#include "base/wall_clock.h"
#include "outlets/forwarder/forwarder_private.h"

void forwarder_tell(struct forwarder *forwarder, const struct lane *lane,
                    const char *state, const char *why, uint64_t arrival,
                    uint64_t due_ms)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    const struct forwarder_event event = {
        .outlet = forwarder->options->name,
        .server = lane != NULL ? lane->server : NULL,
        .queue = lane != NULL ? lane->queue : NULL,
        .state = state,
        .why = why,
        .arrival = arrival,
        .delay_ms = due_ms > now_ms ? due_ms - now_ms : 0,
    };

    if (forwarder->event_cb != NULL && !forwarder->is_quiet) {
        forwarder->event_cb(forwarder, &event, forwarder->data);
    }
}

void forwarder_note_delivery(struct forwarder *forwarder,
                             const struct outlet_parcel *out)
{
    if (out->verdict == OUTLET_DELIVERED || out->delivered_count > 0) {
        forwarder->delivered_at_ms = wall_clock_ms();
    }
}

void forwarder_warn(struct forwarder *forwarder, const struct reason *warning)
{
    if (strcmp(warning->text, forwarder->warning.text) == 0) {
        return;
    }
    forwarder->warning = *warning;
    if (warning->text[0] != '\0') {
        forwarder_tell(forwarder, NULL, "warning", warning->text, 0, 0);
    }
}

void forwarder_inbox_failed(struct forwarder *forwarder, const char *why)
{
    uint64_t last_ms = forwarder->inbox_wait_ms;
    uint64_t wait_ms =
        last_ms == 0 ? forwarder->policy.breaker.backoff_ms : 2 * last_ms;
    bool is_news = last_ms == 0 || (last_ms < FORWARDER_RETRY_MS_MAX &&
                                    wait_ms >= FORWARDER_RETRY_MS_MAX);

    forwarder->inbox_wait_ms =
        wait_ms < FORWARDER_RETRY_MS_MAX ? wait_ms : FORWARDER_RETRY_MS_MAX;
    forwarder->retry_at_ms = uv_now(forwarder->loop) + forwarder->inbox_wait_ms;
    (void)reason_set(&forwarder->why, 0, "%s", why);
    if (is_news) {
        forwarder_tell(forwarder, NULL, "waiting", forwarder->why.text, 0,
                       forwarder->retry_at_ms);
    }
}

/* While the destination is broken, its next attempt tells what it is. */
void forwarder_inbox_worked(struct forwarder *forwarder)
{
    bool has_waited = forwarder->inbox_wait_ms > 0;

    if (forwarder->is_save_failing) {
        return;
    }
    forwarder->inbox_wait_ms = 0;
    if (has_waited && forwarder->dispatch.breaker.state == BREAKER_UP) {
        forwarder_tell(forwarder, NULL, "working", "", 0, 0);
    }
}

/* Without a message that was accepted: what held it is no longer thought to be
 * the fault of its message, or became a dead letter and was its last. */
static bool has_recovered(const struct lane *lane, enum lane_state from)
{
    return from == LANE_BLOCKED ||
           (lane->state == LANE_IDLE && lane->failures > 0);
}

/* Another host decides about what held it. */
static bool has_left(const struct lane *lane, enum lane_state from)
{
    return lane->is_leaving && lane->state == LANE_IDLE &&
           (from == LANE_BLOCKED || lane->failures > 0);
}

static void on_lane_changed(void *data, const struct lane *lane,
                            enum lane_state from)
{
    struct forwarder *forwarder = data;

    if (has_left(lane, from)) {
        forwarder_tell(forwarder, lane, "elsewhere", "", 0, 0);
    } else if (has_recovered(lane, from)) {
        forwarder_tell(forwarder, lane, "working", "", 0, 0);
    } else if (lane->state == LANE_WAITING) {
        forwarder_tell(forwarder, lane, "waiting", forwarder->why.text,
                       lane->held_arrival, lane->due_ms);
    } else if (lane->state == LANE_BLOCKED) {
        forwarder_tell(forwarder, lane, "blocked", forwarder->why.text,
                       lane->held_arrival, 0);
    }
}

static void on_breaker_changed(void *data, enum breaker_action action)
{
    struct forwarder *forwarder = data;

    if (action == BREAKER_ACTION_OPENED) {
        forwarder_tell(forwarder, NULL, "broken", forwarder->why.text, 0,
                       forwarder->dispatch.breaker.due_ms);
    } else {
        forwarder_tell(forwarder, NULL, "working", "", 0, 0);
    }
}

static void on_buried(void *data, const struct lane *lane, uint64_t arrival,
                      const char *why)
{
    forwarder_tell(data, lane, "dead letter", why, arrival, 0);
}

const struct dispatch_calls forwarder_calls = {
    .release_cb = forwarder_release_span,
    .lane_cb = on_lane_changed,
    .breaker_cb = on_breaker_changed,
    .buried_cb = on_buried,
    .unwanted_cb = forwarder_unwanted,
};
