/*
 * nats_flight.c - flights on the loop: which of them are over, and which are
 * given up.
 */
#include <stdlib.h>

#include "outlets/nats/nats_private.h"

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

struct nats_flight *nats_flight_new(struct nats *nats,
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

/* Must be over. */
static void flight_complete(struct nats_flight *flight)
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
    nats_parcel_complete(nats, parcel);
}

/* True if it is over, or because there is nothing more to wait for. */
static bool flight_settle(struct nats_flight *flight)
{
    struct nats *nats = flight->nats;
    struct flight *state = &flight->state;
    bool is_late =
        flight->is_waiting && uv_now(nats->timer.loop) >= flight->deadline_ms;
    bool is_over;

    uv_mutex_lock(&nats->mutex);
    if (flight_is_over(state)) {
        /* Nothing to give up. */
    } else if (flight->connection_serial <= nats->ended_serial) {
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

static void flight_wait(struct nats_flight *flight)
{
    struct nats *nats = flight->nats;

    flight->is_waiting = true;
    flight->deadline_ms =
        uv_now(nats->timer.loop) + nats->options->ack_timeout_ms;
    TAILQ_INSERT_TAIL(&nats->waiting, flight, link);
}

void nats_flight_published(struct worker_job *job)
{
    struct nats_flight *flight = job->data;

    if (flight_settle(flight)) {
        flight_complete(flight);
    } else {
        flight_wait(flight);
    }
}

/* A callback may close the outlet, but does not free it. */
void nats_flights_look(struct nats *nats)
{
    struct nats_flight *flight = TAILQ_FIRST(&nats->waiting);

    while (flight != NULL) {
        struct nats_flight *next = TAILQ_NEXT(flight, link);

        if (flight_settle(flight)) {
            flight_complete(flight);
        }
        flight = next;
    }
}
