/*
 * poll_request.c - mirrors the requests of src/poller/poller.c: their starts,
 * their ends, and what becomes of an answer.
 */
#include <assert.h>
#include <string.h>

#include "book.h"
#include "core/batch.h"
#include "poll_private.h"
#include "process.h"
#include "world.h"

/* -- Ends ----------------------------------------------------------------- */

static void request_ended(struct poll_queue *queue, int error,
                          const struct queue_event *event)
{
    struct process *process = queue->process;
    bool had_old_key = queue->next_key >= 0;
    const struct queue_event new_key = {.kind = QUEUE_EVENT_NEW_KEY};
    if (queue->request != NULL) {
        poll_give_back(queue);
    }
    guard_ended(queue, error, event);
    scheduler_request_ended(&process->scheduler, &queue->core, error,
                            process->world->now_ms);
    if (had_old_key) {
        guard_commanded(queue, QUEUE_EVENT_NEW_KEY);
        world_count(process->world, SITUATION_NEW_KEY_IN_FLIGHT);
        poll_step(queue, &new_key);
    }
    poll_step(queue, event);
    if (had_old_key && error == HAPLO_EREFUSED) {
        poll_step(queue, &new_key);
    }
    if (had_old_key) {
        guard_obeyed(queue, QUEUE_EVENT_NEW_KEY);
    }
}

static void request_failed(struct poll_queue *queue, int error,
                           uint64_t delay_ms)
{
    TRACE(queue->process->world, "%s: %s", queue->remote->name,
          haplo_error_name(error) + strlen("HAPLO_"));
    request_ended(queue, error,
                  &(struct queue_event){.kind = QUEUE_EVENT_FAILED,
                                        .error = error,
                                        .delay_ms = delay_ms});
}

/* -- Answers -------------------------------------------------------------- */

static void fetch_succeeded(struct poll_queue *queue, struct token *token)
{
    struct haplo_batch *batch = queue->batch;
    struct queue_event event = {.kind = QUEUE_EVENT_EMPTY};
    if (batch->message_count > 0) {
        batch->epoch = queue->core.epoch;
        event.kind = QUEUE_EVENT_FETCHED;
        event.count = batch->message_count;
        queue->token = token;
        guard_fetched(queue);
    }
    poll_count_bytes(queue);
    request_ended(queue, 0, &event);
}

static void on_fetch_done(struct poll_queue *queue,
                          const struct exchange *exchange)
{
    struct process *process = queue->process;
    int error = exchange->error;
    if (error == 0) {
        error = poll_read_fetch(queue, exchange);
    }
    if (error == 0) {
        fetch_succeeded(queue, exchange->answer.token);
    } else {
        request_failed(queue, error, poll_retry_after_ms(exchange));
    }
    poll_pump(process);
}

static void on_mark_done(struct poll_queue *queue,
                         const struct exchange *exchange)
{
    struct process *process = queue->process;
    struct mark_reply reply;
    int error = exchange->error;
    if (error == 0) {
        error = poll_read_mark(queue, exchange, &reply);
    }
    if (error == 0) {
        request_ended(
            queue, 0,
            &(struct queue_event){.kind = QUEUE_EVENT_MARKED,
                                  .count = reply.marked_count,
                                  .unread_count = reply.unread_count,
                                  .is_repeated = exchange->is_repeated});
    } else {
        request_failed(queue, error, poll_retry_after_ms(exchange));
    }
    poll_pump(process);
}

static void request_done(struct world *world, struct exchange *exchange)
{
    struct poll_queue *queue = world->process->queues[exchange->queue->index];
    assert(queue != NULL);
    assert(queue->request == exchange);
    if (exchange->is_mark) {
        on_mark_done(queue, exchange);
    } else {
        on_fetch_done(queue, exchange);
    }
}

void poll_answered(struct world *world, struct exchange *exchange)
{
    char text[64];
    TRACE(world, "%s: answered%s: %s", exchange->queue->name,
          exchange->fate == FATE_ANSWER_CUT ? ", cut" : "",
          answer_text(&exchange->answer, text, sizeof text));
    if (exchange->answer.kind == ANSWER_GARBLED) {
        world_count(world, SITUATION_ANSWER_GARBLED);
    }
    if (exchange->fate != FATE_ANSWER_CUT) {
        book_answered(world, exchange->queue,
                      exchange->is_mark ? exchange->token : NULL,
                      &exchange->answer, exchange->is_repeated);
    }
    request_done(world, exchange);
}

void poll_failed(struct world *world, struct exchange *exchange)
{
    request_done(world, exchange);
}

/* -- Starting requests ---------------------------------------------------- */

static struct haplo_batch *batch_take(struct process *process)
{
    struct haplo_batch *batch = process->free_batches;
    if (batch == NULL) {
        return batch_new();
    }
    process->free_batches = batch->next;
    batch->next = NULL;
    return batch;
}

static int start_fetch(struct poll_queue *queue, struct exchange *draft)
{
    struct process *process = queue->process;
    queue->batch = batch_take(process);
    if (queue->batch == NULL || draft->fate == FATE_NO_MEMORY) {
        return HAPLO_ENOMEM;
    }
    process->world->totals->fetches++;
    TRACE(process->world, "%s: fetch sent", queue->remote->name);
    queue->request = wire_send(process->world, *draft);
    world_crash_point(process->world, CRASH_AFTER_FETCH_SENT);
    return 0;
}

static int start_mark(struct poll_queue *queue, struct exchange *draft)
{
    struct world *world = queue->process->world;
    const struct haplo_batch *batch = queue->batch;
    if (draft->fate == FATE_NO_MEMORY) {
        return HAPLO_ENOMEM;
    }
    assert(batch->form_size <= sizeof draft->form);
    draft->is_mark = true;
    draft->form_size = batch->form_size;
    memcpy(draft->form, batch->form, batch->form_size);
    draft->token = queue->token;
    world->totals->marks++;
    TRACE(world, "%s: mark of token %u sent", queue->remote->name,
          queue->token->number);
    queue->request = wire_send(world, *draft);
    world_crash_point(world, CRASH_AFTER_MARK_SENT);
    return 0;
}

void poll_start_request(struct poll_queue *queue)
{
    struct world *world = queue->process->world;
    bool is_fetch = queue->core.state == HAPLO_QUEUE_FETCHING;
    struct exchange draft = {
        .queue = queue->remote,
        .life = queue->process->life,
        .key = queue->key,
    };
    guard_starts(queue);
    draft.fate = wire_draw_fate(world, queue->remote, !is_fetch, queue->token);
    int error =
        is_fetch ? start_fetch(queue, &draft) : start_mark(queue, &draft);
    if (error != 0) {
        world_count(world, SITUATION_NO_MEMORY);
        request_failed(queue, error, 0);
    }
}
