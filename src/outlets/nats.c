/*
 * nats.c - the outlet that publishes messages to a stream of NATS JetStream.
 * A parcel becomes a flight:
 *
 *   - On the thread of the worker, the connection is opened if there is none
 *     (nats_connection.c), and the messages are published, in order.
 *   - The stream acknowledges each of them. A thread of libnats notes that in
 *     the flight (flight.c), and tells the loop when it was the last one.
 *   - On the loop, the parcel is completed. Its messages count as delivered if
 *     the stream gave each a sequence above 0.
 *
 * So flights of many queues share the round trips, and the loop never waits.
 *
 * Failures:
 *
 *   - No server can be reached, or it does not let us in: broken. Flights that
 *     were submitted before this was known are not tried one by one.
 *   - No stream takes the subject, JetStream is disabled, or publishing is not
 *     permitted: broken.
 *   - The message is larger than the server or the stream allows: refused.
 *   - The connection is lost, the stream is full, or no acknowledgement comes
 *     in time: retried. The messages may be stored all the same; when they are
 *     published again, the stream knows them by Nats-Msg-Id as long as its
 *     window for duplicates lasts, and receivers know them by haplo-id.
 *   - The outlet is closed: RETRY for what is not acknowledged yet.
 */
#include "outlets/nats.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/nats_private.h"

#define TICK_MS 100 /* how often deadlines are looked at */

/* Flights, on the loop */

/* Takes a free slot. Returns 0 or HAPLO_ENOMEM. */
static int slot_take(struct nats *nats, struct nats_flight *flight)
{
    uint64_t slot = 0;

    while (slot < nats->slot_count && nats->slots[slot] != NULL) {
        slot++;
    }
    if (slot == nats->slot_count) {
        uint64_t count = slot == 0 ? 16 : 2 * slot;
        struct nats_flight **slots =
            reallocarray(nats->slots, count, sizeof(void *));

        if (slots == NULL) {
            return HAPLO_ENOMEM;
        }
        for (uint64_t i = slot; i < count; i++) {
            slots[i] = NULL;
        }
        nats->slots = slots;
        nats->slot_count = count;
    }
    flight->slot = slot;
    nats->slots[slot] = flight;
    return 0;
}

/* NULL if memory runs out. */
static struct nats_flight *nats_flight_new(struct nats *nats,
                                           struct outlet_parcel *parcel)
{
    struct nats_flight *flight = calloc(1, sizeof(*flight));
    int result;

    if (flight == NULL || flight_init(&flight->state, parcel) != 0) {
        free(flight);
        return NULL;
    }
    flight->nats = nats;
    flight->serial = ++nats->serial_last;
    flight->submitted_at_ns = uv_hrtime();
    uv_mutex_lock(&nats->mutex);
    result = slot_take(nats, flight);
    uv_mutex_unlock(&nats->mutex);
    if (result != 0) {
        flight_free(&flight->state);
        free(flight);
        return NULL;
    }
    return flight;
}

static void close_if_idle(struct nats *nats);

static void parcel_complete(struct nats *nats, struct outlet_parcel *parcel)
{
    bool is_last = --nats->flight_count == 0;

    if (is_last) {
        uv_unref((uv_handle_t *)&nats->async);
        (void)uv_timer_stop(&nats->timer); /* cannot fail */
    }
    is_last = is_last && nats->is_closing;
    parcel->delivered_cb(parcel);
    if (is_last) { /* otherwise the callback may have closed it */
        close_if_idle(nats);
    }
}

/* Must be over. */
static void nats_flight_complete(struct nats_flight *flight)
{
    struct nats *nats = flight->nats;
    struct outlet_parcel *parcel = flight->state.parcel;

    uv_mutex_lock(&nats->mutex);
    nats->slots[flight->slot] = NULL;
    uv_mutex_unlock(&nats->mutex);
    if (flight->is_waiting) {
        TAILQ_REMOVE(&nats->waiting, flight, link);
    }
    flight_report(&flight->state);
    flight_free(&flight->state);
    free(flight);
    parcel_complete(nats, parcel);
}

/* True if it is over, or because there is nothing more to wait for. */
static bool nats_flight_settle(struct nats_flight *flight)
{
    struct nats *nats = flight->nats;
    struct flight *state = &flight->state;
    bool is_late =
        flight->is_waiting && uv_now(nats->timer.loop) >= flight->deadline_ms;
    bool is_over;

    uv_mutex_lock(&nats->mutex);
    if (flight_is_over(state)) {
        /* Nothing to give up. */
    } else if (flight->line <= nats->line_ended) {
        flight_give_up(state, OUTLET_RETRY,
                       "the connection was lost before all messages were "
                       "acknowledged");
    } else if (nats->is_closing) {
        flight_give_up(state, OUTLET_RETRY, "closing");
    } else if (is_late) {
        atomic_store(&nats->is_doubtful, true);
        flight_give_up(
            state, OUTLET_RETRY,
            state->has_stranger
                ? "no stream has acknowledged it in time, but somebody else "
                  "responds to messages of this subject"
                : "the stream has not acknowledged it in time");
    }
    is_over = flight_is_over(state);
    uv_mutex_unlock(&nats->mutex);
    return is_over;
}

static void nats_flight_wait(struct nats_flight *flight)
{
    struct nats *nats = flight->nats;

    flight->is_waiting = true;
    flight->deadline_ms =
        uv_now(nats->timer.loop) + nats->options->ack_timeout_ms;
    TAILQ_INSERT_TAIL(&nats->waiting, flight, link);
}

static void on_parcel_done(struct worker_job *job)
{
    struct nats_flight *flight = job->data;

    if (nats_flight_settle(flight)) {
        nats_flight_complete(flight);
    } else {
        nats_flight_wait(flight);
    }
}

/* A callback may close the outlet, but does not free it. */
static void flights_look(struct nats *nats)
{
    struct nats_flight *flight = TAILQ_FIRST(&nats->waiting);

    while (flight != NULL) {
        struct nats_flight *next = TAILQ_NEXT(flight, link);

        if (nats_flight_settle(flight)) {
            nats_flight_complete(flight);
        }
        flight = next;
    }
}

static void on_async(uv_async_t *async)
{
    flights_look(async->data);
}

static void on_tick(uv_timer_t *timer)
{
    flights_look(timer->data);
}

/* Without memory for a flight */

static void on_no_memory(struct worker_job *job)
{
    struct outlet_parcel *parcel = container_of(job, struct outlet_parcel, job);

    parcel->verdict = OUTLET_RETRY;
    (void)reason_set(&parcel->why, 0, "NATS: out of memory");
}

static void on_no_memory_done(struct worker_job *job)
{
    parcel_complete(job->data, container_of(job, struct outlet_parcel, job));
}

static void nats_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct nats *nats = (struct nats *)outlet;
    struct nats_flight *flight = nats_flight_new(nats, parcel);

    assert(!nats->is_closing);
    if (nats->flight_count++ == 0) {
        uv_ref((uv_handle_t *)&nats->async);
        (void)uv_timer_start(&nats->timer, on_tick, TICK_MS, TICK_MS);
    }
    parcel->job = flight != NULL
                      ? (struct worker_job){.work_cb = nats_send,
                                            .done_cb = on_parcel_done,
                                            .data = flight}
                      : (struct worker_job){.work_cb = on_no_memory,
                                            .done_cb = on_no_memory_done,
                                            .data = nats};
    worker_submit(&nats->worker, &parcel->job);
}

/* Closing */

static void nats_free(struct nats *nats)
{
    uv_mutex_destroy(&nats->mutex);
    free(nats->slots);
    free(nats);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct nats *nats = handle->data;
    outlet_closed_cb closed_cb = nats->closed_cb;
    void *closed_data = nats->closed_data;

    if (--nats->handle_count == 0) {
        nats_free(nats);
        closed_cb(closed_data);
    }
}

static void on_worker_closed(void *data)
{
    struct nats *nats = data;

    uv_close((uv_handle_t *)&nats->async, on_handle_closed);
    uv_close((uv_handle_t *)&nats->timer, on_handle_closed);
}

static void on_connection_closed(struct worker_job *job)
{
    struct nats *nats = job->data;

    worker_close(&nats->worker, on_worker_closed, nats);
}

static void close_if_idle(struct nats *nats)
{
    if (nats->is_closing && nats->flight_count == 0) {
        nats->closing = (struct worker_job){
            .work_cb = nats_hang_up,
            .done_cb = on_connection_closed,
            .data = nats,
        };
        worker_submit(&nats->worker, &nats->closing);
    }
}

static void nats_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                       void *data)
{
    struct nats *nats = (struct nats *)outlet;

    nats->is_closing = true;
    nats->closed_cb = closed_cb;
    nats->closed_data = data;
    atomic_store(&nats->is_ending, true);
    (void)uv_async_send(&nats->async); /* gives up what waits */
    close_if_idle(nats);
}

/* Opening */

static struct nats *nats_new(const struct outlet_setting *setting)
{
    struct nats *nats = calloc(1, sizeof(*nats));

    if (nats == NULL || uv_mutex_init(&nats->mutex) != 0) {
        free(nats);
        return NULL;
    }
    nats->base.type = setting->type;
    nats->options = setting->options;
    nats->inbox_uuid = setting->inbox_uuid;
    nats->listener = nats_sender_listener;
    nats->listener.data = nats;
    atomic_init(&nats->is_ending, false);
    atomic_init(&nats->is_doubtful, false);
    TAILQ_INIT(&nats->waiting);
    return nats;
}

static int no_thread(struct reason *why)
{
    return reason_set(why, HAPLO_ENOMEM,
                      "cannot start a thread for the outlet: out of memory, or "
                      "too many threads");
}

static void on_useless_worker_closed(void *data)
{
    nats_free(data);
}

static int nats_open(const struct outlet_setting *setting, struct outlet **out,
                     struct reason *why)
{
    struct nats *nats = nats_new(setting);

    *out = NULL;
    if (nats == NULL) {
        return no_thread(why);
    }
    if (worker_open(&nats->worker, setting->loop) != 0) {
        nats_free(nats);
        return no_thread(why);
    }
    if (uv_async_init(setting->loop, &nats->async, on_async) != 0) {
        worker_close(&nats->worker, on_useless_worker_closed, nats);
        return no_thread(why);
    }
    (void)uv_timer_init(setting->loop, &nats->timer); /* cannot fail */
    nats->handle_count = 2;
    nats->async.data = nats;
    nats->timer.data = nats;
    uv_unref((uv_handle_t *)&nats->async);
    *out = &nats->base;
    return 0;
}

const struct outlet_type nats_outlet_type = {
    .name = "nats",
    .help = "Each message is published to a stream of NATS JetStream.",
    .options = nats_option_rows,
    .option_count = NATS_OPTION_COUNT,
    .options_size = sizeof(struct nats_options),
    .in_flight_max = 64,
    .check = nats_check,
    .open = nats_open,
    .deliver = nats_deliver,
    .close = nats_close,
};
