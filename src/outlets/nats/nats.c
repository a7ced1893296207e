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
#include "outlets/nats/nats.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/nats/nats_private.h"

#define TICK_MS 100 /* how often deadlines are looked at */

/* Parcels */

static void close_if_idle(struct nats *nats);

void nats_parcel_complete(struct nats *nats, struct outlet_parcel *parcel)
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

static void on_async(uv_async_t *async)
{
    nats_flights_look(async->data);
}

static void on_tick(uv_timer_t *timer)
{
    nats_flights_look(timer->data);
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
    nats_parcel_complete(job->data,
                         container_of(job, struct outlet_parcel, job));
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
                                            .done_cb = nats_flight_published,
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
