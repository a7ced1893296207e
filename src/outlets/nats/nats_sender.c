/*
 * nats_sender.c - the part of nats.c that is not on the loop: the worker's
 * thread, which opens the connection and publishes, and a thread of libnats,
 * which notes the responses.
 */
#include "outlets/name_template.h"
#include "outlets/nats/nats_private.h"

static void subject_write(char subject[NAME_TEMPLATE_SIZE_MAX],
                          const struct nats_flight *flight)
{
    const struct inbox_message *message =
        &flight->state.parcel->messages[0]; /* all are of one queue */

    (void)name_template_write(subject, flight->nats->options->subject,
                              &name_nats_subject, message->server,
                              message->queue);
}

/* On a thread of libnats */

static void failure_note(struct nats_flight *flight, size_t index,
                         enum outlet_verdict verdict, const char *text)
{
    char subject[NAME_TEMPLATE_SIZE_MAX];
    struct reason why;

    subject_write(subject, flight);
    (void)reason_set(&why, 0, "subject %s: %s", subject, text);
    flight_note(&flight->state, index, verdict, &why);
}

static void on_responded(void *data, const struct nats_ticket *ticket,
                         bool is_ack, enum outlet_verdict verdict,
                         const struct reason *why)
{
    struct nats *nats = data;
    struct nats_flight *flight;
    bool is_over = false;

    uv_mutex_lock(&nats->mutex);
    flight = ticket->slot < nats->slot_count ? nats->slots[ticket->slot] : NULL;
    if (flight != NULL && flight->serial == ticket->serial) {
        if (!is_ack) {
            flight->state.has_stranger = true;
        } else if (verdict == OUTLET_DELIVERED) {
            flight_note(&flight->state, ticket->index, verdict, why);
        } else {
            failure_note(flight, ticket->index, verdict, why->text);
        }
        is_over = flight_is_over(&flight->state);
    }
    uv_mutex_unlock(&nats->mutex);
    if (is_over) {
        (void)uv_async_send(&nats->async); /* cannot fail: it is open */
    }
}

static void on_ended(void *data, uint64_t serial)
{
    struct nats *nats = data;

    uv_mutex_lock(&nats->mutex);
    nats->ended_serial = serial;
    uv_mutex_unlock(&nats->mutex);
    (void)uv_async_send(&nats->async); /* cannot fail: it is open */
}

const struct nats_connection_listener nats_sender_listener = {
    .responded = on_responded,
    .ended = on_ended,
};

/* On the thread of the worker */

static void connection_drop(struct nats *nats)
{
    if (nats->connection != NULL) {
        nats_connection_close(nats->connection);
        nats->connection = NULL;
    }
}

static bool connection_has_ended(struct nats *nats)
{
    bool has_ended;

    uv_mutex_lock(&nats->mutex);
    has_ended = nats->ended_serial >= nats->place.serial;
    uv_mutex_unlock(&nats->mutex);
    return has_ended;
}

/* After a failed attempt, what was submitted before it fails with it. */
static bool connection_open(struct nats *nats, const struct nats_flight *flight,
                            struct reason *why)
{
    if (flight->submitted_at_ns < nats->failed_at_ns) {
        *why = nats->failed_why;
        return false;
    }
    if (nats_connection_open(&nats->connection, nats->options, &nats->place,
                             &nats->listener, &nats->is_ending, why) != 0) {
        nats->failed_at_ns = uv_hrtime();
        nats->failed_why = *why;
        return false;
    }
    return true;
}

/* A usable connection. */
static bool connection_prepare(struct nats *nats,
                               const struct nats_flight *flight,
                               struct reason *why)
{
    bool is_doubtful = atomic_exchange(&nats->is_doubtful, false);

    if (nats->connection != NULL &&
        !nats_connection_is_permitted(nats->connection, why)) {
        connection_drop(nats);
        return false;
    }
    if (nats->connection != NULL &&
        (is_doubtful || connection_has_ended(nats))) {
        connection_drop(nats);
    }
    return nats->connection != NULL || connection_open(nats, flight, why);
}

/* Notes that no more messages are sent. */
static void nats_flight_end_sending(struct nats_flight *flight,
                                    enum outlet_verdict verdict,
                                    const char *why)
{
    uv_mutex_lock(&flight->nats->mutex);
    if (verdict != OUTLET_DELIVERED) {
        flight_give_up(&flight->state, verdict, why);
    }
    flight->state.is_sent = true;
    uv_mutex_unlock(&flight->nats->mutex);
}

/* False if a message before it has failed meanwhile: it would be stored out of
 * turn. */
static bool message_announce(struct nats_flight *flight)
{
    bool is_in_turn;

    uv_mutex_lock(&flight->nats->mutex);
    is_in_turn = flight->state.failed_index == SIZE_MAX;
    if (is_in_turn) {
        flight_sent(&flight->state);
    }
    uv_mutex_unlock(&flight->nats->mutex);
    return is_in_turn;
}

static bool message_publish(struct nats_flight *flight, const char *subject,
                            struct message_headers *headers, size_t index)
{
    struct nats *nats = flight->nats;
    const struct outlet_parcel *parcel = flight->state.parcel;
    struct nats_message message = {
        .subject = subject,
        .headers = headers,
        .body = parcel->messages[index].body,
        .ticket = {flight->slot, flight->serial, index},
    };
    enum outlet_verdict verdict;
    struct reason why;

    message_headers_set(headers, parcel, index, nats->inbox_uuid);
    if (!message_announce(flight)) {
        return false;
    }
    verdict = nats_connection_publish(nats->connection, &message, &why);
    if (verdict != OUTLET_DELIVERED) {
        uv_mutex_lock(&nats->mutex);
        flight_note(&flight->state, index, verdict, &why);
        uv_mutex_unlock(&nats->mutex);
    }
    return verdict == OUTLET_DELIVERED;
}

static void nats_flight_publish(struct nats_flight *flight)
{
    const struct outlet_parcel *parcel = flight->state.parcel;
    char subject[NAME_TEMPLATE_SIZE_MAX];
    struct message_headers headers = {.count = 0};

    subject_write(subject, flight);
    for (size_t i = 0; i < parcel->count; i++) {
        if (atomic_load(&flight->nats->is_ending) ||
            !message_publish(flight, subject, &headers, i)) {
            break;
        }
    }
}

void nats_send(struct worker_job *job)
{
    struct nats_flight *flight = job->data;
    struct reason why;

    if (atomic_load(&flight->nats->is_ending)) {
        nats_flight_end_sending(flight, OUTLET_RETRY, "closing");
    } else if (!connection_prepare(flight->nats, flight, &why)) {
        nats_flight_end_sending(flight, OUTLET_BROKEN, why.text);
    } else {
        flight->connection_serial = flight->nats->place.serial;
        nats_flight_publish(flight);
        nats_flight_end_sending(flight, OUTLET_DELIVERED, "");
    }
}

void nats_hang_up(struct worker_job *job)
{
    connection_drop(job->data);
}
