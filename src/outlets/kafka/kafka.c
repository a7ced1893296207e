/*
 * kafka.c - the outlet that produces messages to topics of Apache Kafka. A
 * parcel becomes a flight:
 *
 *   - A thread creates the producer, as librdkafka may block there.
 *   - The messages are given to librdkafka, in order (kafka_flight.c). All
 *     messages of a queue have the same key, and so the same partition, which
 *     keeps them in order.
 *   - librdkafka sends them to the brokers, on its own threads, and repeats
 *     requests without repeating messages (idempotence).
 *   - All replicas that are in sync have acknowledged a message: its report
 *     makes a descriptor readable, which the loop watches.
 *   - When all messages are reported, the parcel is completed.
 *
 * Failures (kafka_verdict.c; kafka_state.c tells what becomes of the producer):
 *
 *   - The message is too large for librdkafka, or a broker refuses its request
 *     because of its size or content. With other messages in that request, it
 *     is not known which one is at fault: all are retried, one per request, for
 *     some minutes. Alone in its request, it is refused.
 *   - The login, a certificate or the permission for the topic is not
 *     accepted, or there is no such topic: broken.
 *   - No broker can be reached: librdkafka tries until delivery_timeout. Then
 *     the destination is broken.
 *   - The queue of librdkafka is full: the flight waits for reports.
 *   - Anything else, such as too few replicas, is retried by librdkafka, and
 *     after delivery_timeout by the forwarder.
 *   - The outlet is closed: RETRY for what is not reported a second later.
 */
#include "outlets/kafka/kafka.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/container_of.h"
#include "outlets/kafka/kafka_private.h"

#define TICK_MS 100 /* how often deadlines are looked at */

/* Closing */

static void kafka_free(struct kafka *kafka)
{
    if (kafka->descriptor >= 0) {
        (void)close(kafka->descriptor); /* nothing to lose */
    }
    free(kafka);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kafka *kafka = handle->data;
    outlet_closed_cb closed_cb = kafka->closed_cb;
    void *closed_data = kafka->closed_data;

    if (--kafka->handle_count == 0) {
        kafka_free(kafka);
        closed_cb(closed_data);
    }
}

static void on_worker_closed(void *data)
{
    struct kafka *kafka = data;

    uv_close((uv_handle_t *)&kafka->poll, on_handle_closed);
    uv_close((uv_handle_t *)&kafka->timer, on_handle_closed);
}

/* Waking */

/* Calls on_readable() soon. */
static void wake(struct kafka *kafka)
{
    const uint64_t one = 1;

    /* Fails only if it is readable already. */
    (void)!write(kafka->descriptor, &one, sizeof(one));
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct kafka *kafka = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    (void)!read(kafka->descriptor, &count, sizeof(count)); /* now it is not */
    kafka_step(kafka);
}

static void on_tick(uv_timer_t *timer)
{
    kafka_step(timer->data);
}

void kafka_close_if_idle(struct kafka *kafka)
{
    if (kafka->is_closing && kafka->state == KAFKA_IDLE &&
        kafka->flight_count == 0 && !kafka->is_ended) {
        kafka->is_ended = true;
        worker_close(&kafka->worker, on_worker_closed, kafka);
    }
}

static void kafka_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                        void *data)
{
    struct kafka *kafka = (struct kafka *)outlet;

    kafka->is_closing = true;
    atomic_store(&kafka->is_ending, true);
    kafka->closed_cb = closed_cb;
    kafka->closed_data = data;
    uv_ref((uv_handle_t *)&kafka->poll);
    (void)uv_timer_start(&kafka->timer, on_tick, TICK_MS, TICK_MS);
    wake(kafka);
}

/* Parcels */

void kafka_parcel_complete(struct kafka *kafka, struct outlet_parcel *parcel)
{
    if (--kafka->flight_count == 0 && !kafka->is_closing) {
        uv_unref((uv_handle_t *)&kafka->poll);
        (void)uv_timer_stop(&kafka->timer); /* cannot fail */
    }
    parcel->delivered_cb(parcel);
}

static void on_no_memory(struct worker_job *job)
{
    struct outlet_parcel *parcel = container_of(job, struct outlet_parcel, job);

    parcel->verdict = OUTLET_RETRY;
    (void)reason_set(&parcel->why, 0, "Kafka: out of memory");
}

static void on_no_memory_done(struct worker_job *job)
{
    struct kafka *kafka = job->data;

    kafka_parcel_complete(kafka, container_of(job, struct outlet_parcel, job));
    kafka_close_if_idle(kafka);
}

static void no_memory(struct kafka *kafka, struct outlet_parcel *parcel)
{
    parcel->job = (struct worker_job){
        .work_cb = on_no_memory, .done_cb = on_no_memory_done, .data = kafka};
    worker_submit(&kafka->worker, &parcel->job);
}

static void kafka_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct kafka *kafka = (struct kafka *)outlet;

    assert(!kafka->is_closing);
    if (kafka->flight_count++ == 0) {
        uv_ref((uv_handle_t *)&kafka->poll);
        (void)uv_timer_start(&kafka->timer, on_tick, TICK_MS, TICK_MS);
    }
    if (kafka_flight_new(kafka, parcel) != NULL) {
        wake(kafka); /* and not now: no callback may fire in here */
    } else {
        no_memory(kafka, parcel);
    }
}

/* Opening */

static struct kafka *kafka_new(const struct outlet_setting *setting)
{
    struct kafka *kafka = calloc(1, sizeof(*kafka));

    if (kafka == NULL) {
        return NULL;
    }
    kafka->base.type = setting->type;
    kafka->options = setting->options;
    kafka->inbox_uuid = setting->inbox_uuid;
    kafka->descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&kafka->is_ending, false);
    TAILQ_INIT(&kafka->pending);
    TAILQ_INIT(&kafka->sent);
    if (kafka->descriptor < 0) {
        kafka_free(kafka);
        return NULL;
    }
    return kafka;
}

static int no_start(struct reason *why)
{
    return reason_set(why, HAPLO_ENOMEM,
                      "cannot start a thread for the outlet: out of memory, or "
                      "too many threads or open files");
}

static void on_useless_worker_closed(void *data)
{
    kafka_free(data);
}

static int kafka_open(const struct outlet_setting *setting, struct outlet **out,
                      struct reason *why)
{
    struct kafka *kafka = kafka_new(setting);

    *out = NULL;
    if (kafka == NULL) {
        return no_start(why);
    }
    if (worker_open(&kafka->worker, setting->loop) != 0) {
        kafka_free(kafka);
        return no_start(why);
    }
    if (uv_poll_init(setting->loop, &kafka->poll, kafka->descriptor) != 0) {
        worker_close(&kafka->worker, on_useless_worker_closed, kafka);
        return no_start(why);
    }
    (void)uv_timer_init(setting->loop, &kafka->timer); /* cannot fail */
    kafka->handle_count = 2;
    kafka->poll.data = kafka;
    kafka->timer.data = kafka;
    (void)uv_poll_start(&kafka->poll, UV_READABLE,
                        on_readable); /* it is open */
    uv_unref((uv_handle_t *)&kafka->poll);
    *out = &kafka->base;
    return 0;
}

const struct outlet_type kafka_outlet_type = {
    .name = "kafka",
    .help = "Each message is produced to a topic of Apache Kafka.",
    .options = kafka_option_rows,
    .option_count = KAFKA_OPTION_COUNT,
    .options_size = sizeof(struct kafka_options),
    .in_flight_max = 256, /* so that a request to a broker is worth its cost */
    .check = kafka_check,
    .open = kafka_open,
    .deliver = kafka_deliver,
    .close = kafka_close,
};
