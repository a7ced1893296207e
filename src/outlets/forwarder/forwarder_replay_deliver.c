/*
 * forwarder_replay_deliver.c - passes parcels of a replay to the outlet, and
 * its results to the replay and the dispatch.
 */
#include "base/container_of.h"
#include "outlets/forwarder/forwarder_replay_private.h"

/* Messages between them that the outlet does not want were not delivered. */
static void note_delivered(struct forwarder_replay *replay, size_t count)
{
    const struct inbox_message *messages = replay->chosen;
    size_t from = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i == count || messages[i].arrival != messages[i - 1].arrival + 1) {
            replay_pass_delivered(&replay->pass, messages[from].queue_id,
                                  messages[from].arrival, (uint32_t)(i - from),
                                  replay_now(replay));
            from = i;
        }
    }
}

/* What it says about the destination. */
static enum breaker_event_kind result_of(const struct outlet_parcel *out)
{
    if (out->verdict == OUTLET_BROKEN) {
        return BREAKER_EVENT_FAILED;
    }
    if (out->verdict == OUTLET_DELIVERED || out->delivered_count > 0) {
        return BREAKER_EVENT_ACCEPTED;
    }
    return out->verdict == OUTLET_REFUSED ? BREAKER_EVENT_REFUSED
                                          : BREAKER_EVENT_FAILED;
}

static void answer(struct forwarder_replay *replay,
                   const struct outlet_parcel *out)
{
    struct dispatch *dispatch = &replay->forwarder->dispatch;
    struct replay_pass *pass = &replay->pass;
    uint64_t now_ms = replay_now(replay);
    bool is_all =
        out->verdict == OUTLET_DELIVERED || out->delivered_count >= out->count;
    size_t count = is_all ? out->count : out->delivered_count;
    const struct inbox_message *next = &replay->chosen[count];
    uint64_t number = dispatch_lend_end(dispatch, result_of(out), now_ms);

    note_delivered(replay, count);
    if (is_all) {
        replay->has_new_why |= replay->row.why.text[0] != '\0';
        replay->row.why.text[0] = '\0';
        forwarder_warn(replay->forwarder, &out->why);
        return;
    }
    replay->row.why = out->why;
    replay->has_new_why = true;
    if (out->verdict == OUTLET_REFUSED) {
        replay_pass_proven(pass, dispatch->proven_to);
        replay_pass_refused(pass, next->queue_id, next->arrival, out->why.text,
                            number, now_ms);
    } else {
        replay_pass_retry(pass, next->arrival, out->retry_after_ms, number,
                          now_ms);
    }
}

static void on_delivered(struct outlet_parcel *out)
{
    struct forwarder_replay *replay =
        container_of(out, struct forwarder_replay, out);
    uint64_t next = replay->pass.next;

    replay->is_in_flight = false;
    forwarder_note_delivery(replay->forwarder, out);
    answer(replay, out);
    replay->chosen_count = 0;
    if (replay->pass.next < next) {
        replay_page_free(replay); /* it has gone back */
    }
    forwarder_pump(replay->forwarder);
}

static bool may_send(const struct forwarder_replay *replay)
{
    return replay_has_row(replay) && !replay->has_to_reload &&
           !replay->is_elsewhere && !replay->is_void && replay->has_page &&
           !replay->is_in_flight && replay->forwarder->outlet != NULL &&
           replay_now(replay) >= replay->retry_at_ms &&
           replay_pass_may_send(&replay->pass);
}

void forwarder_replay_deliver(struct forwarder_replay *replay)
{
    struct forwarder *forwarder = replay->forwarder;

    if (replay_has_row(replay)) {
        replay_pass_due(&replay->pass, replay_now(replay));
    }
    if (!may_send(replay) || !replay_page_next(replay) ||
        !forwarder_may_begin(forwarder) ||
        !dispatch_lend(&forwarder->dispatch, replay->chosen[0].queue_id)) {
        return;
    }
    replay->out = (struct outlet_parcel){
        .messages = replay->chosen,
        .count = replay->chosen_count,
        .replay_id = replay->row.id,
        .has_new_ids = replay->row.has_new_ids,
        .delivered_cb = on_delivered,
    };
    replay->is_in_flight = true;
    forwarder->outlet->type->deliver(forwarder->outlet, &replay->out);
}
