/*
 * poller.c - the life of a batch.
 *
 *   - The timer fires, a request ends, or the application calls: the state
 *     machine of the queue takes a step (poller_step).
 *   - The scheduler decides which queue is next (poller_pump): one in READY
 *     starts its fetch, one in MARK_READY its mark.
 *   - The body of the fetch is parsed as it arrives (on_fetch_data) and is
 *     valid once it is complete (on_fetch_done). Its messages are compared
 *     with those that are stored and not confirmed. Then deliver_cb gets the
 *     batch.
 *   - The application accepts it (haplo_batch_accept): MARK_READY. Only its
 *     token and state are kept; the memory of the batch is free for the next
 *     one.
 *   - The mark is confirmed (on_mark_done): marked_cb is called and the token
 *     freed.
 *
 * The state that a batch is compared with cannot change while its fetch is in
 * flight: a queue has one token at a time, and the application can change the
 * state only before or after.
 *
 * Failures:
 *
 *   - A request fails, or its response is not as expected: queue and server
 *     are informed (request_failed); the batch is dropped, or kept for another
 *     mark, as src/core/queue.h shows.
 *   - The batch of the last mark arrives again, although its messages had been
 *     marked before that mark: a failed fetch, for a while (replay.h).
 *   - No memory to start a request: treated as a failed request.
 *   - The application asks for a retry: the batch is kept, and delivered again
 *     after the wait.
 *   - It says stale: the stored state becomes the known one, and the batch is
 *     dropped and fetched again.
 *   - It rejects the batch: BLOCKED; the batch is dropped.
 *   - Pause, removal and stop: a fetch is cancelled, a batch is finished.
 *   - Close: everything is cancelled, and close_cb waits until the application
 *     has answered every batch that it may still read. Nothing is lost, because
 *     the server sends again what is not marked.
 */
#include "poller/poller.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/boot_clock.h"
#include "poller/event.h"
#include "poller/location.h"
#include "poller/queue_batch.h"

#define KEEPS_ALIVE (HEAP_NEVER - 1) /* a due time that is never reached */

static struct haplo_queue *queue_of(const struct queue *core)
{
    return container_of(core, struct haplo_queue, core);
}

/* Starting requests */

/* Informs server and queue that the request of the queue has ended. */
static void request_ended(struct haplo_queue *queue, int error,
                          const struct queue_event *event)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    bool had_old_key = queue->request != NULL && queue->request->has_old_key;
    const struct queue_event new_key = {.kind = QUEUE_EVENT_NEW_KEY};
    if (queue->request != NULL) {
        request_release(queue);
    }
    scheduler_request_ended(&poller->scheduler, &queue->core, error,
                            uv_now(poller->loop));
    if (had_old_key) {
        /* What the response says about the key concerns the old one. */
        poller_step(queue, &new_key);
    }
    poller_step(queue, event);
    if (had_old_key && error == HAPLO_EREFUSED) {
        poller_step(queue, &new_key);
    }
}

static void request_failed(struct haplo_queue *queue, const char *verb,
                           int error, const char *detail, uint64_t delay_ms)
{
    queue->mishaps.failure_count++;
    event_explain(queue, verb, error, detail);
    if (error != HAPLO_ENOMEM && !server_error_proves_key(error)) {
        reason_set(&server_of(queue)->error_text, error, "%s",
                   queue->error_text != NULL ? queue->error_text
                                             : haplo_error_text(error));
    }
    server_of(queue)->stats.failed_login_count += error == HAPLO_EREFUSED;
    server_of(queue)->stats.throttle_count += error == HAPLO_ETHROTTLED;
    server_of(queue)->poller->failing = server_of(queue);
    request_ended(queue, error,
                  &(struct queue_event){.kind = QUEUE_EVENT_FAILED,
                                        .error = error,
                                        .delay_ms = delay_ms});
    server_of(queue)->poller->failing = NULL;
}

static void on_fetch_head(struct transfer *transfer,
                          const struct http_head *head)
{
    struct request *request = container_of(transfer, struct request, transfer);
    struct haplo_queue *queue = request->queue;
    if (!queue_batch_begin(queue)) {
        return;
    }
    struct reading *reading = request_read(request);
    if (reading == NULL) {
        return;
    }
    reading->settings = queue_settings_borrow(settings_of(queue));
    fetch_reply_begin(&reading->reply.fetch, &reading->settings->format,
                      queue->batch, reading->settings->body_bytes_max,
                      &request->why);
    fetch_reply_head(&reading->reply.fetch, head);
}

static int on_fetch_data(struct transfer *transfer, const char *data,
                         size_t size)
{
    struct request *request = container_of(transfer, struct request, transfer);
    if (request->reading == NULL) {
        return HAPLO_ENOMEM;
    }
    int error = fetch_reply_data(&request->reading->reply.fetch, data, size);
    queue_batch_count(request->queue);
    return error;
}

/* Reports what a request came across, whether it succeeded or not. */
static void note_warning(struct haplo_queue *queue, const char *verb,
                         const struct transfer_result *result)
{
    struct reason text;
    if (result->warning[0] != '\0') {
        reason_set(&text, 0, "%s %s/%s: %s", verb, server_of(queue)->name,
                   queue->name, result->warning);
        event_emit(queue, queue->core.state, 0, text.text);
    }
}

/* Reports stored, unconfirmed messages that do not fit into a state. */
static void note_dropped_leftovers(struct haplo_queue *queue, size_t count)
{
    struct reason text;
    reason_set(&text, 0,
               "fetch %s/%s: %zu stored messages that are not known to be "
               "marked have been forgotten; if the server sends them again, "
               "they are stored twice",
               server_of(queue)->name, queue->name, count);
    event_emit(queue, queue->core.state, 0, text.text);
}

/* Finds the repeats in the batch. Returns 0 or HAPLO_ENOMEM. */
static int batch_evaluate(struct haplo_queue *queue)
{
    size_t dropped_count;
    if (queue->batch->message_count == 0) {
        return 0;
    }
    int error = delivery_state_evaluate(&queue->core.delivery, queue->batch,
                                        server_of(queue)->poller->next_salt++,
                                        &dropped_count);
    if (error == 0 && dropped_count > 0) {
        note_dropped_leftovers(queue, dropped_count);
    }
    return error;
}

/* The fetch is complete: passes the batch, or its absence, to the queue. */
static void fetch_succeeded(struct haplo_queue *queue)
{
    struct batch *batch = queue->batch;
    struct queue_event event = {.kind = QUEUE_EVENT_EMPTY};
    queue->counters.body_bytes += batch->body_size;
    if (batch->message_count > 0) {
        queue->counters.batch_count++;
        queue->counters.message_count += batch->message_count;
        batch->queue = queue;
        event.kind = QUEUE_EVENT_FETCHED;
        event.count = batch->message_count;
    }
    queue_batch_count(queue);
    request_ended(queue, 0, &event);
}

/* Discards a fetch that did not complete. */
static void fetch_abandon(struct request *request)
{
    if (request->reading != NULL) {
        fetch_reply_abandon(&request->reading->reply.fetch);
    }
}

/* True if a cache seems to answer instead of the server: the batch must not be
 * delivered now. */
static bool fetch_is_held_back(struct haplo_queue *queue)
{
    uint64_t now_ms = uv_now(server_of(queue)->poller->loop);
    return replay_is_held_back(&queue->replay, queue->batch,
                               now_ms - queue->core.first_mark_ms,
                               settings_of(queue)->policy.backoff_max_ms);
}

/* A failure of the queue, though not of its server. */
static void fetch_hold_back(struct haplo_queue *queue)
{
    struct reason text;
    uint64_t hold_ms = settings_of(queue)->policy.backoff_max_ms;
    queue->mishaps.failure_count++;
    reason_set(&text, HAPLO_ENOPROGRESS,
               "the server sent the same batch again, although all of it is "
               "marked: does a cache answer instead of the server, or does "
               "another program read this queue? It is stored again at most "
               "once in %llu s",
               (unsigned long long)(hold_ms + 999) / 1000);
    event_explain(queue, "fetch", HAPLO_ENOPROGRESS, text.text);
    request_ended(queue, 0,
                  &(struct queue_event){.kind = QUEUE_EVENT_FAILED,
                                        .error = HAPLO_ENOPROGRESS});
}

static void on_fetch_done(struct transfer *transfer,
                          const struct transfer_result *result)
{
    struct request *request = container_of(transfer, struct request, transfer);
    struct haplo_queue *queue = request->queue;
    struct haplo_poller *poller = server_of(queue)->poller;
    int error = result->error;
    note_warning(queue, "fetch", result);
    if (error != 0) {
        fetch_abandon(request);
        if (result->text[0] != '\0') {
            reason_set(&request->why, error, "%s", result->text);
        }
    } else if (request->reading == NULL) {
        error = HAPLO_ENOMEM;
    } else {
        error = fetch_reply_end(&request->reading->reply.fetch);
    }
    bool is_held_back = error == 0 && fetch_is_held_back(queue);
    if (error == 0 && !is_held_back) {
        error = batch_evaluate(queue);
    }
    if (is_held_back) {
        fetch_hold_back(queue);
    } else if (error == 0) {
        fetch_succeeded(queue);
    } else {
        request_failed(queue, "fetch", error, request->why.text,
                       result->retry_after_ms);
    }
    poller_pump(poller);
}

static void on_mark_head(struct transfer *transfer,
                         const struct http_head *head)
{
    struct request *request = container_of(transfer, struct request, transfer);
    struct reading *reading = request_read(request);
    if (reading == NULL) {
        return;
    }
    mark_reply_begin(&reading->reply.mark, &request->why);
    mark_reply_head(&reading->reply.mark, head);
}

static int on_mark_data(struct transfer *transfer, const char *data,
                        size_t size)
{
    struct request *request = container_of(transfer, struct request, transfer);
    return request->reading == NULL
               ? HAPLO_ENOMEM
               : mark_reply_data(&request->reading->reply.mark, data, size);
}

/* A first, undisturbed mark marked fewer messages than were fetched, so
 * another consumer reads this queue. That is worth a log line, but is not a
 * failure. */
static void note_foreign_mark(struct haplo_queue *queue, uint64_t marked_count)
{
    struct reason text;
    queue->mishaps.foreign_mark_count++;
    reason_set(&text, 0,
               "mark %s/%s: %llu of %llu messages were marked already: does "
               "another program read this queue?",
               server_of(queue)->name, queue->name,
               (unsigned long long)(queue->core.batch_count - marked_count),
               (unsigned long long)queue->core.batch_count);
    event_emit(queue, queue->core.state, 0, text.text);
}

/* The server has confirmed the mark. */
static void mark_succeeded(struct haplo_queue *queue,
                           const struct mark_reply *reply, bool is_repeated)
{
    uint64_t marked_count = reply->marked_count;
    int64_t unread_count = reply->unread_count;
    bool is_first = queue->core.mark_attempts == 1 && !is_repeated;
    replay_note(&queue->replay, queue->batch,
                is_first && marked_count == 0 && unread_count == 0 &&
                    queue->batch->new_count > 0);
    if (is_first && marked_count < queue->core.batch_count) {
        if (marked_count > 0 || unread_count == 0) {
            note_foreign_mark(queue, marked_count);
        } else {
            queue->mishaps.failure_count++;
            event_explain(queue, "mark", HAPLO_ENOPROGRESS,
                          "the server marked none of the messages: does a "
                          "cache answer instead of the server, or does another "
                          "program read this queue?");
        }
    }
    request_ended(queue, 0,
                  &(struct queue_event){.kind = QUEUE_EVENT_MARKED,
                                        .count = marked_count,
                                        .unread_count = unread_count,
                                        .is_repeated = is_repeated});
}

static void on_mark_done(struct transfer *transfer,
                         const struct transfer_result *result)
{
    struct request *request = container_of(transfer, struct request, transfer);
    struct haplo_queue *queue = request->queue;
    struct haplo_poller *poller = server_of(queue)->poller;
    int error = result->error;
    note_warning(queue, "mark", result);
    if (error != 0) {
        if (result->text[0] != '\0') {
            reason_set(&request->why, error, "%s", result->text);
        }
    } else if (request->reading == NULL) {
        error = HAPLO_ENOMEM;
    } else {
        error = mark_reply_end(&request->reading->reply.mark);
    }
    if (error == 0) {
        mark_succeeded(queue, &request->reading->reply.mark,
                       result->is_repeated);
    } else {
        request_failed(queue, "mark", error, request->why.text,
                       result->retry_after_ms);
    }
    poller_pump(poller);
}

/* Whether a fetch or a mark may begin. The time must be read afresh: the
 * process may have been suspended since the loop read it. */
static bool may_begin(const struct haplo_poller *poller)
{
    return poller->deadline_ms == UINT64_MAX ||
           boot_clock_ms() < poller->deadline_ms;
}

/* The request has waited for a look-up: the server may be another one, and the
 * deadline may have passed. */
static int on_resolved(const struct transfer *transfer, struct reason *why)
{
    const struct request *request =
        container_of(transfer, struct request, transfer);
    if (!may_begin(server_of(request->queue)->poller)) {
        return reason_set(why, HAPLO_ECANCELED,
                          "the deadline of the poller has passed");
    }
    return location_check_request(request->queue, why);
}

static int start_fetch(struct haplo_queue *queue, struct request *request)
{
    queue->counters.fetch_count++;
    request_aim(request, &server_of(queue)->dialect.fetch);
    request->transfer.headers = &request->credentials.fetch;
    request->transfer.body = NULL;
    request->transfer.body_size = 0;
    request->transfer.resolved_cb = on_resolved;
    request->transfer.head_cb = on_fetch_head;
    request->transfer.data_cb = on_fetch_data;
    request->transfer.done_cb = on_fetch_done;
    return transfer_start(&request->transfer);
}

static int start_mark(struct haplo_queue *queue, struct request *request)
{
    /* The server would accept an empty token, but mark nothing. */
    assert(queue->batch->form_size > 0);
    request_aim(request, &server_of(queue)->dialect.mark);
    request->transfer.headers = &request->credentials.form;
    request->transfer.body = queue->batch->form;
    request->transfer.body_size = queue->batch->form_size;
    request->transfer.resolved_cb = on_resolved;
    request->transfer.head_cb = on_mark_head;
    request->transfer.data_cb = on_mark_data;
    request->transfer.done_cb = on_mark_done;
    return transfer_start(&request->transfer);
}

/* Starts the request of a queue in FETCHING, MARKING or LAST_MARKING. */
static void queue_start_request(struct haplo_queue *queue)
{
    bool is_fetch = queue->core.state == HAPLO_QUEUE_FETCHING;
    struct request *request = request_take(queue);
    int error = HAPLO_ENOMEM;
    server_of(queue)->stats.request_count++;
    if (request != NULL && location_check(server_of(queue)) == 0) {
        error =
            is_fetch ? start_fetch(queue, request) : start_mark(queue, request);
    }
    if (error != 0) {
        request_failed(queue, is_fetch ? "fetch" : "mark", error, NULL, 0);
    }
}

/* Steps */

void poller_cancel_request(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    if (queue->request == NULL) {
        return;
    }
    bool is_fetch = queue->request->transfer.body == NULL;
    transfer_cancel(&queue->request->transfer);
    if (is_fetch) {
        fetch_abandon(queue->request);
    }
    request_release(queue);
    scheduler_request_ended(&poller->scheduler, &queue->core, HAPLO_ECANCELED,
                            uv_now(poller->loop));
}

/* A batch is confirmed, or after an empty fetch everything that is stored:
 * counts it, frees the batch and informs the application. */
static void queue_confirm(struct haplo_queue *queue,
                          const struct queue_event *event)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    bool is_empty = event->kind == QUEUE_EVENT_EMPTY;
    const struct haplo_mark mark = {
        .state = delivery_state_confirm(
            &queue->core.delivery, is_empty ? NULL : queue->batch,
            queue->core.unread_count == 0,
            server_of(queue)->poller->next_salt++, bytes),
        .message_count = queue->core.batch_count,
        .marked_count = event->count,
        .unread_count = queue->core.unread_count,
    };
    if (server_of(queue)->poller->phase == POLLER_STOPPING) {
        server_of(queue)->poller->batches_left--;
    }
    queue->counters.marked_batch_count += mark.message_count > 0;
    queue->counters.marked_message_count += mark.message_count;
    queue_batch_drop(queue);
    if (settings_of(queue)->marked_cb != NULL) {
        settings_of(queue)->marked_cb(queue, &mark);
    }
}

/* After marked_cb, which may have closed the poller, and which may have paused
 * or removed the queue. */
static void queue_tell_drained(struct haplo_queue *queue,
                               const struct queue_event *event)
{
    haplo_drained_cb drained_cb = settings_of(queue)->drained_cb;
    bool is_end =
        event->kind == QUEUE_EVENT_EMPTY || event->kind == QUEUE_EVENT_MARKED;
    if (drained_cb != NULL && is_end && queue->core.unread_count == 0 &&
        queue->core.error == 0 &&
        server_of(queue)->poller->phase != POLLER_CLOSING) {
        drained_cb(queue);
    }
}

/* The queue has reached PAUSED: continues what the pause was for. */
static void queue_came_to_rest(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    if (queue->is_removing && !queue->is_gone &&
        queue->core.state == HAPLO_QUEUE_PAUSED) {
        queue->is_gone = true;
        TAILQ_INSERT_TAIL(&poller->gone, &queue->core, link);
    }
}

void poller_step(struct haplo_queue *queue, const struct queue_event *event)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    enum queue_action action = scheduler_step(&poller->scheduler, &queue->core,
                                              event, uv_now(poller->loop));
    queue_came_to_rest(queue);
    switch (action) {
    case QUEUE_ACTION_NONE:
        break;
    case QUEUE_ACTION_DROP:
        queue_batch_drop(queue);
        break;
    case QUEUE_ACTION_CANCEL:
        poller_cancel_request(queue);
        queue_batch_drop(queue);
        break;
    case QUEUE_ACTION_CONFIRM:
        queue_confirm(queue, event);
        break;
    case QUEUE_ACTION_DELIVER:
        queue_batch_lend(queue);
        return;
    }
    queue_tell_drained(queue, event);
}

/* The timer */

static bool poller_is_drained(const struct haplo_poller *poller)
{
    return poller->phase == POLLER_STOPPING && !poller->has_stopped &&
           (poller->paused_count == poller->queue_count ||
            uv_now(poller->loop) >= poller->stop_due_ms);
}

/* Processes everything that is due. May call deliver_cb. */
static void take_due(struct haplo_poller *poller)
{
    struct queue *core;
    const struct queue_event due = {.kind = QUEUE_EVENT_DUE};
    while (poller->phase != POLLER_CLOSING &&
           (core = scheduler_take_due(&poller->scheduler,
                                      uv_now(poller->loop))) != NULL) {
        poller_step(queue_of(core), &due);
    }
}

/* Does the work that must not happen inside a call of the application. */
static void on_timer(uv_timer_t *timer)
{
    struct haplo_poller *poller =
        container_of(timer, struct haplo_poller, timer);
    poller->armed_ms = HEAP_NEVER;
    struct queue *core;
    while ((core = TAILQ_FIRST(&poller->gone)) != NULL) {
        struct haplo_queue *queue = queue_of(core);
        TAILQ_REMOVE(&poller->gone, core, link);
        poller_part_queue(queue);
        if (queue->removed_cb != NULL) {
            queue->removed_cb(queue);
        }
        object_free_queue(poller, queue);
        if (poller->phase == POLLER_CLOSING) {
            return;
        }
    }
    take_due(poller);
    poller_pump(poller);
    if (poller_is_drained(poller)) {
        poller->has_stopped = true;
        if (poller->stopped_cb != NULL) {
            poller->stopped_cb(poller, poller->batches_left);
        }
    }
}

/* Sets the timer to the earliest due time. Work that must not happen inside a
 * call of the application is due immediately. A batch that is not answered
 * keeps the loop alive, as does a queue that may not begin since the deadline
 * has passed, and a timer is what does that. */
static void poller_arm(struct haplo_poller *poller)
{
    uint64_t due_ms = scheduler_due_ms(&poller->scheduler);
    if (due_ms == HEAP_NEVER &&
        (poller->lent_count > 0 || scheduler_has_next(&poller->scheduler))) {
        due_ms = KEEPS_ALIVE;
    }
    if (poller->phase == POLLER_STOPPING && !poller->has_stopped) {
        if (poller->paused_count == poller->queue_count) {
            due_ms = 0;
        } else if (poller->stop_due_ms < due_ms) {
            due_ms = poller->stop_due_ms;
        }
    }
    if (!TAILQ_EMPTY(&poller->gone)) {
        due_ms = 0;
    }
    if (due_ms == poller->armed_ms) {
        return;
    }
    poller->armed_ms = due_ms;
    if (due_ms == HEAP_NEVER) {
        uv_timer_stop(&poller->timer);
    } else {
        uv_timer_start(&poller->timer, on_timer,
                       event_ms_until(due_ms, uv_now(poller->loop)), 0);
    }
}

void poller_wake(struct haplo_poller *poller)
{
    if (poller->phase != POLLER_CLOSING) {
        poller->armed_ms = 0;
        uv_timer_start(&poller->timer, on_timer, 0, 0);
    }
}

static void poller_work(struct haplo_poller *poller)
{
    struct queue *core;
    while (poller->phase != POLLER_CLOSING && may_begin(poller) &&
           (core = scheduler_next(&poller->scheduler, uv_now(poller->loop))) !=
               NULL) {
        queue_start_request(queue_of(core));
    }
}

void poller_pump(struct haplo_poller *poller)
{
    if (poller->is_pumping || poller->phase == POLLER_CLOSING) {
        return;
    }
    poller->is_pumping = true;
    poller_work(poller);
    poller->is_pumping = false;
    if (poller->phase != POLLER_CLOSING) {
        poller_arm(poller);
    }
}

void poller_command(struct haplo_queue *queue, enum queue_event_kind kind)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    if (poller->phase != POLLER_CLOSING) {
        poller_step(queue, &(struct queue_event){.kind = kind});
        poller_pump(poller);
    }
}
