#include "feeders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/delivery_state.h"
#include "core/identity.h"

#define WAITS_MAX 4000000
#define FETCHED_AT_MS 1767225600000

struct feeder {
    struct inbox_delivery delivery; /* first */
    struct batch *batch;            /* that it delivers */
    struct delivery_state known;    /* of its queue */
    char *bodies;                   /* owned; of its messages */
    uint64_t sent_ns;               /* when */
    bool is_waiting;                /* for its turn */
};

static struct feeders_options options;
static uv_loop_t loop;
static struct inbox *inbox;
static struct feeder *feeders;
static uint64_t salt = 1;
static uint64_t sent;              /* messages */
static uint64_t stored;            /* messages */
static uint64_t limit;             /* of those sent; then feeders wait */
static uint64_t rate;              /* messages a second; 0: no limit */
static uint64_t rate_begin_ns;     /* when it was set */
static uint64_t rate_begin_sent;   /* the same */
static uint64_t begin_ns;          /* of the process, for warnings */
static uv_timer_t pace;            /* of rate */
static double waits_ms[WAITS_MAX]; /* of deliveries since they were asked for */
static size_t wait_count;          /* of them */

_Noreturn void feeders_fail(const char *what)
{
    (void)fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

double feeders_cpu_us(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Batches */

#define BODY_BEGIN "{\"id\":\""
#define BODY_ID_SIZE 20
#define BODY_MIDDLE "\",\"text\":\""
#define BODY_END "\"}"

/* A body is JSON of this size: its id, and text. */
static void body_init(char *body, size_t size)
{
    memset(body, 'x', size);
    memcpy(body, BODY_BEGIN, sizeof BODY_BEGIN - 1);
    memcpy(body + sizeof BODY_BEGIN - 1 + BODY_ID_SIZE, BODY_MIDDLE,
           sizeof BODY_MIDDLE - 1);
    memcpy(body + size - (sizeof BODY_END - 1), BODY_END, sizeof BODY_END - 1);
}

static void body_set_id(char *body, uint64_t id)
{
    char *digits = body + sizeof BODY_BEGIN - 1;
    for (size_t i = BODY_ID_SIZE; i > 0; i--) {
        digits[i - 1] = (char)('0' + id % 10);
        id /= 10;
    }
}

static void feeder_send(struct feeder *feeder)
{
    size_t dropped;
    for (size_t i = 0; i < FEEDERS_BATCH_COUNT; i++) {
        struct haplo_message *message = &feeder->batch->messages[i];
        char *body = feeder->bodies + i * options.body_size;
        body_set_id(body, sent++);
        message->body = (struct haplo_slice){body, options.body_size};
        message->is_repeat = false;
    }
    identity_fill(feeder->batch->messages, FEEDERS_BATCH_COUNT);
    if (delivery_state_evaluate(&feeder->known, feeder->batch, salt++,
                                &dropped) != 0) {
        feeders_fail("out of memory");
    }
    feeder->is_waiting = false;
    feeder->sent_ns = uv_hrtime();
    inbox_deliver(&feeder->delivery);
}

static bool is_due(void)
{
    double seconds = (double)(uv_hrtime() - rate_begin_ns) / 1e9;
    return rate == 0 ||
           (double)(sent - rate_begin_sent) < seconds * (double)rate;
}

static void feeder_next(struct feeder *feeder)
{
    feeder->is_waiting = true;
    if (sent < limit && is_due()) {
        feeder_send(feeder);
    }
}

static void on_pace(uv_timer_t *timer)
{
    (void)timer;
    for (size_t i = 0; i < options.queue_count; i++) {
        if (feeders[i].is_waiting) {
            feeder_next(&feeders[i]);
        }
    }
}

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct feeder *feeder = (struct feeder *)delivery;
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_mark mark = {.message_count = FEEDERS_BATCH_COUNT,
                              .unread_count = 1};
    if (verdict != INBOX_STORED ||
        delivery->stored_count != FEEDERS_BATCH_COUNT) {
        feeders_fail(why);
    }
    if (wait_count < WAITS_MAX) {
        waits_ms[wait_count++] = (double)(uv_hrtime() - feeder->sent_ns) / 1e6;
    }
    stored += FEEDERS_BATCH_COUNT;
    delivery_state_accept(&feeder->known, feeder->batch);
    mark.state = delivery_state_confirm(&feeder->known, feeder->batch, false,
                                        salt++, bytes);
    inbox_confirmed(delivery->queue, &mark);
    feeder_next(feeder);
}

/* The inbox */

static void on_opened(struct inbox *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    if (error != 0) {
        feeders_fail(why);
    }
    inbox = opened;
}

static void on_warning(struct inbox *of, const char *text, void *data)
{
    (void)of;
    (void)data;
    (void)fprintf(stderr, "%.1f s: %s\n",
                  (double)(uv_hrtime() - begin_ns) / 1e9, text);
}

static void inbox_start(void)
{
    const struct inbox_options inbox_options = {.name = "inbox",
                                                .type = options.type,
                                                .type_options =
                                                    options.type_options,
                                                .warning_cb = on_warning};
    begin_ns = uv_hrtime();
    if (uv_loop_init(&loop) != 0 || uv_timer_init(&loop, &pace) != 0 ||
        inbox_open(&loop, &inbox_options, on_opened, NULL) == NULL) {
        feeders_fail("out of memory");
    }
    while (inbox == NULL) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

static void bodies_new(struct feeder *feeder)
{
    size_t size = options.body_size;
    feeder->bodies = malloc(size * FEEDERS_BATCH_COUNT);
    if (feeder->bodies == NULL) {
        feeders_fail("out of memory");
    }
    for (size_t i = 0; i < FEEDERS_BATCH_COUNT; i++) {
        body_init(feeder->bodies + i * size, size);
    }
}

static void feeder_open(struct feeder *feeder, size_t number)
{
    char name[32];
    (void)snprintf(name, sizeof name, "queue-%zu", number);
    bodies_new(feeder);
    feeder->batch = batch_new();
    if (feeder->batch == NULL) {
        feeders_fail("out of memory");
    }
    for (size_t i = 0; i < FEEDERS_BATCH_COUNT; i++) {
        if (batch_add_message(feeder->batch) == NULL) {
            feeders_fail("out of memory");
        }
    }
    feeder->delivery.batch = batch_lend(feeder->batch, 1);
    feeder->delivery.delivered_cb = on_delivered;
    feeder->delivery.fetched_at_ms = FETCHED_AT_MS;
    feeder->is_waiting = true;
    if (inbox_queue_open(inbox, "server", name, &feeder->delivery.queue) != 0) {
        feeders_fail("a queue was not opened");
    }
}

void feeders_open(const struct feeders_options *given)
{
    options = *given;
    feeders = calloc(options.queue_count, sizeof *feeders);
    if (feeders == NULL) {
        feeders_fail("out of memory");
    }
    inbox_start();
    for (size_t i = 0; i < options.queue_count; i++) {
        feeder_open(&feeders[i], i);
    }
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

void feeders_close(void)
{
    bool is_closed = false;
    limit = sent;
    while (stored < sent) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&pace);
    inbox_close(inbox, on_closed, &is_closed);
    while (!is_closed) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

/* Runs */

void feeders_set_rate(uint64_t per_second)
{
    rate = per_second;
    rate_begin_ns = uv_hrtime();
    rate_begin_sent = sent;
    limit = UINT64_MAX;
    (void)uv_timer_start(&pace, on_pace, 0, 1);
}

void feeders_set_fetched_at(uint64_t at_ms)
{
    for (size_t i = 0; i < options.queue_count; i++) {
        feeders[i].delivery.fetched_at_ms = at_ms;
    }
}

void feeders_run(uint64_t messages)
{
    uint64_t end = stored + messages;
    limit = end;
    on_pace(NULL);
    while (stored < end) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

void feeders_run_for(double seconds)
{
    uint64_t end_ns = uv_hrtime() + (uint64_t)(seconds * 1e9);
    while (uv_hrtime() < end_ns) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
}

uint64_t feeders_stored(void)
{
    return stored;
}

struct inbox *feeders_inbox(void)
{
    return inbox;
}

static int compare_doubles(const void *a, const void *b)
{
    double first = *(const double *)a;
    double second = *(const double *)b;
    return first < second ? -1 : first > second;
}

const double *feeders_waits_ms(size_t *count)
{
    qsort(waits_ms, wait_count, sizeof *waits_ms, compare_doubles);
    *count = wait_count;
    wait_count = 0;
    return waits_ms;
}
