/*
 * forwarder_deliver.c - passes parcels to the outlet, and its results to the
 * dispatch.
 */
#include "base/container_of.h"
#include "outlets/forwarder/forwarder_private.h"

/* Opens the outlet, unless the breaker is open. */
static void open_outlet(struct forwarder *forwarder)
{
    const struct outlet_setting setting = {
        .loop = forwarder->loop,
        .type = forwarder->options->type,
        .name = forwarder->options->name,
        .inbox_uuid = inbox_uuid(forwarder->inbox),
        .options = forwarder->options->type_options,
        .in_flight_max = forwarder->policy.in_flight_max,
    };

    if (forwarder->outlet != NULL ||
        forwarder->dispatch.breaker.state == BREAKER_BROKEN) {
        return;
    }
    if (setting.type->open(&setting, &forwarder->outlet, &forwarder->why) !=
        0) {
        forwarder->outlet = NULL;
        dispatch_not_opened(&forwarder->dispatch, uv_now(forwarder->loop));
    }
}

static struct flight *flight_find(struct forwarder *forwarder)
{
    struct flight *flight = forwarder->flights;

    while (flight->parcel != NULL) {
        flight++; /* one is free: there are in_flight_max */
    }
    return flight;
}

/* The arrivals before the first message that was not delivered. */
static uint32_t arrivals_done(const struct span *span,
                              const struct outlet_parcel *out)
{
    return (uint32_t)(out->messages[out->delivered_count].arrival -
                      span->first);
}

static void answer(struct forwarder *forwarder, struct span *span,
                   const struct outlet_parcel *out)
{
    struct dispatch *dispatch = &forwarder->dispatch;
    uint64_t now_ms = uv_now(forwarder->loop);
    const struct lane *lane = span->lane;
    bool is_all =
        out->verdict == OUTLET_DELIVERED || out->delivered_count >= out->count;
    uint32_t count = is_all ? span->count : arrivals_done(span, out);

    forwarder->between_count +=
        count - (is_all ? out->count : out->delivered_count);
    if (!is_all) {
        forwarder->why = out->why;
    }
    if (count > 0 && lane->failures > 0) {
        forwarder_tell(forwarder, lane, "working", "", 0, 0);
    }
    dispatch_delivered(dispatch, span, count, now_ms);
    if (is_all) {
        forwarder_warn(forwarder, &out->why);
        return;
    }
    switch (out->verdict) {
    case OUTLET_REFUSED:
        dispatch_refused(dispatch, span, out->why.text, now_ms);
        break;
    case OUTLET_BROKEN:
        dispatch_broken(dispatch, span, out->retry_after_ms, now_ms);
        break;
    case OUTLET_RETRY:
    case OUTLET_DELIVERED:
        dispatch_retry(dispatch, span, out->retry_after_ms, now_ms);
        break;
    }
}

static void on_delivered(struct outlet_parcel *out)
{
    struct flight *flight = container_of(out, struct flight, out);
    struct forwarder *forwarder = flight->forwarder;
    struct span *span = &flight->parcel->span;

    flight->parcel = NULL;
    forwarder_note_delivery(forwarder, out);
    answer(forwarder, span, out);
    forwarder_pump(forwarder);
}

/* The next one that may begin now, or NULL. */
static struct span *next_span(struct forwarder *forwarder)
{
    return dispatch_has_next(&forwarder->dispatch) &&
                   forwarder_may_begin(forwarder)
               ? dispatch_next(&forwarder->dispatch)
               : NULL;
}

void forwarder_deliver(struct forwarder *forwarder)
{
    struct span *span;

    open_outlet(forwarder);
    forwarder_replay_deliver(forwarder->replay); /* if it waited long enough */
    while (forwarder->outlet != NULL && (span = next_span(forwarder)) != NULL) {
        struct flight *flight = flight_find(forwarder);
        struct parcel *parcel = container_of(span, struct parcel, span);
        size_t next = forwarder_parcel_next(parcel);

        flight->forwarder = forwarder;
        flight->parcel = parcel;
        flight->out = (struct outlet_parcel){
            .messages = parcel->messages + next,
            .count = parcel->count - next,
            .delivered_cb = on_delivered,
        };
        forwarder->outlet->type->deliver(forwarder->outlet, &flight->out);
    }
    forwarder_replay_deliver(forwarder->replay);
}
