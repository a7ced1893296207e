/*
 * haplo_poller.c - creates, stops and closes pollers.
 */
#include "base/alloc.h"
#include "base/handle.h"
#include "poller/event.h"
#include "poller/options.h"
#include "poller/poller.h"

/* From the system; if that fails, from values that other processes are
 * unlikely to share. */
static uint64_t random_number(void)
{
    uint64_t number;
    if (uv_random(NULL, NULL, &number, sizeof number, 0, NULL) != 0) {
        number = uv_hrtime() ^ (uint64_t)uv_os_getpid() << 32;
    }
    return number;
}

static void limits_default(struct haplo_poller_options *options)
{
    DEFAULT_TO(options->in_flight_max, 256);
    DEFAULT_TO(options->undelivered_bytes_max, (size_t)256 << 20);
}

static int poller_make(uv_loop_t *loop,
                       const struct haplo_poller_options *options,
                       struct haplo_poller **out, struct reason *why)
{
    struct haplo_poller *poller = alloc_zeroed(1, sizeof *poller);
    if (poller == NULL) {
        return HAPLO_ENOMEM;
    }
    poller->loop = loop;
    poller->event_cb = options->event_cb;
    poller->data = options->data;
    TAILQ_INIT(&poller->servers);
    poller->server_names.name_of = object_server_name;
    TAILQ_INIT(&poller->gone);
    scheduler_init(&poller->scheduler, options->in_flight_max,
                   options->undelivered_bytes_max,
                   options->seed != 0 ? options->seed : random_number());
    /* Not derived from the seed: two processes with the same seed must not
     * write the same states. */
    poller->next_salt = random_number();
    poller->deadline_ms = UINT64_MAX;
    poller->armed_ms = HEAP_NEVER;
    event_init(poller);
    int error =
        http_client_new(loop, options->in_flight_max, &poller->http, why);
    if (error != 0) {
        scheduler_free(&poller->scheduler);
        alloc_free(poller);
        return error;
    }
    uv_timer_init(loop, &poller->timer); /* cannot fail */
    *out = poller;
    return 0;
}

int haplo_poller_new(uv_loop_t *loop, const struct haplo_poller_options *given,
                     struct haplo_poller **out, char *why, size_t why_size)
{
    struct haplo_poller_options options = {0};
    struct reason reason = {.text = "out of memory"};
    int error = 0;
    *out = NULL;
    if (loop == NULL) {
        error = reason_set(&reason, HAPLO_EINVAL, "a poller needs a loop");
    } else if (given != NULL) {
        error = options_copy(&options, sizeof options, given, &reason);
    }
    if (error == 0) {
        limits_default(&options);
        error = poller_make(loop, &options, out, &reason);
    }
    return options_explain(error, why, why_size, &reason);
}

static void free_batches(struct batch *batch)
{
    while (batch != NULL) {
        struct batch *next = batch->next;
        batch_free(batch);
        batch = next;
    }
}

static void free_spares(struct haplo_poller *poller)
{
    struct request *request;
    while ((request = poller->free_requests) != NULL) {
        poller->free_requests = request->next;
        alloc_free(request);
    }
    struct reading *reading;
    while ((reading = poller->free_readings) != NULL) {
        poller->free_readings = reading->next;
        alloc_free(reading);
    }
    free_batches(poller->free_batches);
    free_batches(poller->free_tokens);
}

static void free_objects(struct haplo_poller *poller)
{
    struct haplo_server *server;
    struct haplo_queue *queue;
    while ((server = TAILQ_FIRST(&poller->servers)) != NULL) {
        size_t cursor = 0;
        while ((queue = server_next_queue(server, &cursor)) != NULL) {
            object_free_queue(poller, queue);
        }
        TAILQ_REMOVE(&poller->servers, server, link);
        object_free_server(server);
    }
    name_table_free(&poller->server_names);
}

/* All handles of the poller are closed. */
static void on_timer_closed(uv_handle_t *handle)
{
    struct haplo_poller *poller =
        container_of(handle, struct haplo_poller, timer);
    free_objects(poller);
    free_spares(poller);
    scheduler_free(&poller->scheduler);
    haplo_close_cb close_cb = poller->close_cb;
    void *application_data = poller->data;
    alloc_free(poller);
    if (close_cb != NULL) {
        close_cb(application_data);
    }
}

void poller_close_timer(struct haplo_poller *poller)
{
    if (poller->http == NULL && poller->lent_count == 0) {
        handle_close((uv_handle_t *)&poller->timer, on_timer_closed);
    }
}

static void on_http_closed(struct http_client *http, void *data)
{
    struct haplo_poller *poller = data;
    poller->connection_count = http_client_connection_count(http);
    poller->http = NULL;
    poller_close_timer(poller);
}

/* While close() waits for batches, nothing but the timer may keep the loop
 * alive. */
static void on_wait(uv_timer_t *timer)
{
    (void)timer;
}

void haplo_poller_close(struct haplo_poller *poller, haplo_close_cb close_cb)
{
    struct haplo_server *server;
    struct haplo_queue *queue;
    if (poller->phase == POLLER_CLOSING) {
        return;
    }
    poller->phase = POLLER_CLOSING;
    poller->close_cb = close_cb;
    TAILQ_FOREACH (server, &poller->servers, link) {
        size_t cursor = 0;
        while ((queue = server_next_queue(server, &cursor)) != NULL) {
            poller_cancel_request(queue);
        }
        endpoint_free(server->endpoint);
        server->endpoint = NULL;
    }
    uv_timer_start(&poller->timer, on_wait, HAPLO_WAIT_MS_MAX,
                   HAPLO_WAIT_MS_MAX); /* cannot fail */
    uv_ref((uv_handle_t *)&poller->timer);
    http_client_close(poller->http, on_http_closed, poller);
}

void haplo_poller_set_limits(struct haplo_poller *poller,
                             unsigned in_flight_max,
                             size_t undelivered_bytes_max)
{
    struct haplo_poller_options options = {
        .in_flight_max = in_flight_max,
        .undelivered_bytes_max = undelivered_bytes_max,
    };
    limits_default(&options);
    poller->scheduler.in_flight_max = options.in_flight_max;
    poller->scheduler.held_bytes_max = options.undelivered_bytes_max;
    if (poller->phase == POLLER_RUNNING) {
        http_client_allow(poller->http, options.in_flight_max);
        poller_wake(poller);
    }
}

void haplo_poller_set_deadline(struct haplo_poller *poller,
                               uint64_t deadline_ms)
{
    bool is_later = deadline_ms > poller->deadline_ms;
    poller->deadline_ms = deadline_ms;
    if (is_later) {
        poller_wake(poller);
    }
}

void haplo_poller_ref(struct haplo_poller *poller)
{
    if (poller->phase != POLLER_CLOSING) {
        uv_ref((uv_handle_t *)&poller->timer);
        http_client_ref(poller->http, true);
    }
}

void haplo_poller_unref(struct haplo_poller *poller)
{
    if (poller->phase != POLLER_CLOSING) {
        uv_unref((uv_handle_t *)&poller->timer);
        http_client_ref(poller->http, false);
    }
}

uv_loop_t *haplo_poller_loop(const struct haplo_poller *poller)
{
    return poller->loop;
}

void *haplo_poller_data(const struct haplo_poller *poller)
{
    return poller->data;
}

int haplo_poller_stop(struct haplo_poller *poller, uint64_t deadline_ms,
                      haplo_stopped_cb stopped_cb)
{
    if (poller->phase != POLLER_RUNNING) {
        return HAPLO_ESTOPPED;
    }
    poller->phase = POLLER_STOPPING;
    poller->stopped_cb = stopped_cb;
    poller->stop_due_ms = uv_now(poller->loop) + deadline_ms;
    if (poller->stop_due_ms < deadline_ms) {
        poller->stop_due_ms = HEAP_NEVER;
    }
    struct haplo_server *server;
    struct haplo_queue *queue;
    TAILQ_FOREACH (server, &poller->servers, link) {
        size_t cursor = 0;
        while ((queue = server_next_queue(server, &cursor)) != NULL) {
            poller->batches_left += queue_has_batch(&queue->core);
            poller_step(queue,
                        &(struct queue_event){.kind = QUEUE_EVENT_PAUSE});
        }
    }
    poller_pump(poller);
    return 0;
}
