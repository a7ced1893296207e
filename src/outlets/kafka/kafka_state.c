/*
 * kafka_state.c - the life of the producer of an outlet; its diagram is in
 * kafka_private.h.
 *
 * When a message fails, the producer ends, and what it still had to send is
 * discarded: otherwise later messages of the queue could arrive before the
 * failed one is sent again. The next producer begins after the last message
 * that was acknowledged without a gap.
 */
#include <assert.h>

#include "outlets/kafka/kafka_private.h"

#define GRACE_MS 1000    /* for what is on its way when the producer ends */
#define SINGLE_MS 300000 /* of one message per request, after a refusal */

/* On the thread of the worker */

static void on_open(struct worker_job *job)
{
    struct kafka *kafka = job->data;

    if (kafka_producer_new(&kafka->producer, kafka->options, kafka->descriptor,
                           kafka->wants_single, &kafka->job_why) != 0) {
        kafka->producer = NULL;
    }
}

static void on_discard(struct worker_job *job)
{
    struct kafka *kafka = job->data;

    kafka_producer_free(kafka->producer, &kafka->is_ending);
}

/* On the loop */

static void state_set(struct kafka *kafka, enum kafka_state state)
{
    static const unsigned next[] = {
        [KAFKA_IDLE] = 1 << KAFKA_OPENING,
        [KAFKA_OPENING] = 1 << KAFKA_READY | 1 << KAFKA_IDLE,
        [KAFKA_READY] = 1 << KAFKA_ENDING,
        [KAFKA_ENDING] = 1 << KAFKA_DISCARDING,
        [KAFKA_DISCARDING] = 1 << KAFKA_IDLE,
    };

    assert((next[kafka->state] & 1U << state) != 0);
    kafka->state = state;
}

static void job_submit(struct kafka *kafka, worker_job_cb work_cb,
                       worker_job_cb done_cb)
{
    kafka->job = (struct worker_job){
        .work_cb = work_cb, .done_cb = done_cb, .data = kafka};
    worker_submit(&kafka->worker, &kafka->job);
}

/* Those that come meanwhile are not affected. */
static void pending_give_up(struct kafka *kafka, enum outlet_verdict verdict,
                            const char *why)
{
    struct kafka_flight *last = TAILQ_LAST(&kafka->pending, kafka_flights);
    struct kafka_flight *flight;

    while (last != NULL && (flight = TAILQ_FIRST(&kafka->pending)) != NULL) {
        bool is_last = flight == last;

        kafka_flight_give_up(flight, verdict, why);
        if (is_last) {
            break;
        }
    }
}

static void on_opened(struct worker_job *job)
{
    struct kafka *kafka = job->data;

    kafka->is_unreachable = false;
    if (kafka->producer != NULL) {
        state_set(kafka, KAFKA_READY);
    } else {
        state_set(kafka, KAFKA_IDLE);
        pending_give_up(kafka, OUTLET_BROKEN, kafka->job_why.text);
    }
    kafka_step(kafka);
}

static void open_start(struct kafka *kafka)
{
    uint64_t now_ms = uv_now(kafka->timer.loop);

    kafka->wants_single = now_ms < kafka->single_end_ms;
    state_set(kafka, KAFKA_OPENING);
    job_submit(kafka, on_open, on_opened);
}

static void on_discarded(struct worker_job *job)
{
    struct kafka *kafka = job->data;

    kafka->producer = NULL;
    state_set(kafka, KAFKA_IDLE);
    kafka_step(kafka);
}

/* The first pending flight may have been sent in part. */
static void discard_start(struct kafka *kafka)
{
    struct kafka_flight *flight = TAILQ_FIRST(&kafka->pending);

    state_set(kafka, KAFKA_DISCARDING);
    job_submit(kafka, on_discard, on_discarded);
    if (flight != NULL && flight->deadline_ms != 0) {
        kafka_flight_give_up(flight, kafka->end_verdict, kafka->end_why.text);
    }
    while ((flight = TAILQ_FIRST(&kafka->sent)) != NULL) {
        kafka_flight_give_up(flight, kafka->end_verdict, kafka->end_why.text);
    }
}

void kafka_end(struct kafka *kafka, enum outlet_verdict verdict,
               const char *why)
{
    if (kafka->state == KAFKA_READY) {
        state_set(kafka, KAFKA_ENDING);
        kafka->grace_end_ms = uv_now(kafka->timer.loop) + GRACE_MS;
        kafka->end_verdict = verdict;
        (void)reason_set(&kafka->end_why, 0, "%s", why);
        kafka_producer_stop(kafka->producer);
    }
}

/* Reports of the producer */

static void on_reported(void *data, void *ticket_data,
                        enum outlet_verdict verdict, bool is_of_request,
                        const struct reason *why)
{
    struct kafka *kafka = data;
    const struct kafka_ticket *ticket = ticket_data;
    struct kafka_flight *flight = ticket->flight;

    if (verdict == OUTLET_DELIVERED) {
        kafka->is_unreachable = false;
    } else if (is_of_request) {
        kafka->single_end_ms = uv_now(kafka->timer.loop) + SINGLE_MS;
    } else if (verdict == OUTLET_RETRY && kafka->state == KAFKA_ENDING) {
        /* It was discarded: the cause is another one. */
        verdict = kafka->end_verdict;
        why = &kafka->end_why;
    }
    flight_note(&flight->state, ticket->index, verdict, why);
    if (verdict != OUTLET_DELIVERED) {
        kafka_end(kafka, OUTLET_RETRY, why->text);
    }
    if (flight_is_over(&flight->state)) {
        kafka_flight_complete(flight);
    }
}

static void on_failed(void *data, enum outlet_verdict verdict,
                      const struct reason *why)
{
    kafka_end(data, verdict, why->text);
}

static void on_unreachable(void *data, const struct reason *why)
{
    struct kafka *kafka = data;

    kafka->is_unreachable = true;
    kafka->trouble = *why;
}

static void reports_read(struct kafka *kafka)
{
    const struct kafka_listener listener = {
        .reported = on_reported,
        .failed = on_failed,
        .unreachable = on_unreachable,
        .data = kafka,
    };

    if (kafka->state == KAFKA_READY || kafka->state == KAFKA_ENDING) {
        kafka_producer_poll(kafka->producer, &listener);
    }
}

/* Steps */

static bool is_late(const struct kafka *kafka,
                    const struct kafka_flight *flight)
{
    return flight != NULL && flight->deadline_ms != 0 &&
           uv_now(kafka->timer.loop) >= flight->deadline_ms;
}

static void deadlines_look(struct kafka *kafka)
{
    if (is_late(kafka, TAILQ_FIRST(&kafka->sent)) ||
        is_late(kafka, TAILQ_FIRST(&kafka->pending))) {
        kafka_end(kafka, kafka->is_unreachable ? OUTLET_BROKEN : OUTLET_RETRY,
                  kafka->is_unreachable
                      ? kafka->trouble.text
                      : "the brokers have not acknowledged it in time");
    }
}

static void pending_send(struct kafka *kafka)
{
    struct kafka_flight *flight;

    while (kafka->state == KAFKA_READY &&
           (flight = TAILQ_FIRST(&kafka->pending)) != NULL &&
           kafka_flight_send(flight)) {
    }
}

static void ready_step(struct kafka *kafka)
{
    bool is_single_over = kafka->wants_single && TAILQ_EMPTY(&kafka->sent) &&
                          uv_now(kafka->timer.loop) >= kafka->single_end_ms;

    if (kafka->is_closing) {
        kafka_end(kafka, OUTLET_RETRY, "closing");
    } else if (is_single_over) {
        kafka_end(kafka, OUTLET_RETRY, "starting again with larger requests");
    } else {
        deadlines_look(kafka);
        pending_send(kafka);
    }
}

/* True if messages are on their way. */
static bool awaits_reports(const struct kafka *kafka)
{
    const struct kafka_flight *partly = TAILQ_FIRST(&kafka->pending);

    return !TAILQ_EMPTY(&kafka->sent) ||
           (partly != NULL &&
            partly->state.answered_count < partly->state.sent_count);
}

void kafka_step(struct kafka *kafka)
{
    reports_read(kafka);
    if (kafka->state == KAFKA_READY) {
        ready_step(kafka);
    }
    if (kafka->state == KAFKA_ENDING &&
        (!awaits_reports(kafka) ||
         uv_now(kafka->timer.loop) >= kafka->grace_end_ms)) {
        discard_start(kafka);
    }
    if (kafka->state == KAFKA_IDLE) {
        if (kafka->is_closing) {
            pending_give_up(kafka, OUTLET_RETRY, "closing");
        } else if (!TAILQ_EMPTY(&kafka->pending)) {
            open_start(kafka);
        }
    }
    kafka_close_if_idle(kafka);
}
