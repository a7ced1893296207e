/*
 * poll.c - mirrors src/poller.c, function for function, so that a change of
 * the order of calls there is one here. The guard and the crash points stand
 * between.
 */
#include "poll.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "book.h"
#include "core/batch.h"
#include "core/mark_reply.h"
#include "gather.h"
#include "poll_private.h"
#include "process.h"
#include "world.h"

static struct poll_queue *queue_of(const struct queue *core)
{
    return (struct poll_queue *)(uintptr_t)core;
}

static uint64_t now_of(const struct process *process)
{
    return process->world->now_ms;
}

/* -- Batches and requests ------------------------------------------------- */

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

void poll_count_bytes(struct poll_queue *queue)
{
    struct scheduler *scheduler = &queue->process->scheduler;
    size_t bytes =
        queue->batch == NULL ? 0 : batch_allocated_bytes(queue->batch);
    scheduler->held_bytes += bytes - queue->held_bytes;
    queue->held_bytes = bytes;
}

static void queue_drop_batch(struct poll_queue *queue)
{
    struct haplo_batch *batch = queue->batch;
    if (batch == NULL) {
        return;
    }
    queue->batch = NULL;
    queue->token = NULL;
    poll_count_bytes(queue);
    batch_reset(batch);
    batch->next = queue->process->free_batches;
    queue->process->free_batches = batch;
}

static void request_give_back(struct poll_queue *queue)
{
    queue->request = NULL;
    if (queue->next_key >= 0) {
        queue->key = queue->next_key;
        queue->next_key = -1;
    }
}

static void request_ended(struct poll_queue *queue, int error,
                          const struct queue_event *event)
{
    struct process *process = queue->process;
    bool had_old_key = queue->next_key >= 0;
    const struct queue_event new_key = {.kind = QUEUE_EVENT_NEW_KEY};
    if (queue->request != NULL) {
        request_give_back(queue);
    }
    guard_ended(queue, error, event);
    scheduler_request_ended(&process->scheduler, &queue->core, error,
                            now_of(process));
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

static void queue_start_request(struct poll_queue *queue)
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

/* -- Steps ---------------------------------------------------------------- */

void poll_cancel_request(struct poll_queue *queue)
{
    struct process *process = queue->process;
    if (queue->request == NULL) {
        return;
    }
    wire_abandon(process->world, queue->request);
    request_give_back(queue);
    guard_cancelled(queue);
    scheduler_request_ended(&process->scheduler, &queue->core, HAPLO_ECANCELED,
                            now_of(process));
}

static void queue_confirm(struct poll_queue *queue, uint64_t epoch)
{
    struct process *process = queue->process;
    if (process->phase == PROCESS_STOPPING) {
        process->batches_left--;
    }
    guard_confirmed(queue);
    process->world->totals->epochs++;
    (void)epoch;
    queue_drop_batch(queue);
    gather_marked(queue, queue->core.epoch);
}

static void queue_came_to_rest(struct poll_queue *queue)
{
    if (queue->is_removing && !queue->is_gone &&
        queue->core.state == HAPLO_QUEUE_PAUSED) {
        queue->is_gone = true;
        TAILQ_INSERT_TAIL(&queue->process->gone, queue, gone_link);
    }
}

void poll_step(struct poll_queue *queue, const struct queue_event *event)
{
    struct process *process = queue->process;
    enum haplo_queue_state from = queue->core.state;
    uint64_t epoch = queue->core.epoch;
    enum queue_action action = scheduler_step(&process->scheduler, &queue->core,
                                              event, now_of(process));
    queue_came_to_rest(queue);
    switch (action) {
    case QUEUE_ACTION_NONE:
        break;
    case QUEUE_ACTION_DROP:
        guard_gives_up(queue, from, event);
        queue_drop_batch(queue);
        break;
    case QUEUE_ACTION_CANCEL:
        poll_cancel_request(queue);
        queue_drop_batch(queue);
        break;
    case QUEUE_ACTION_CONFIRM:
        queue_confirm(queue, epoch);
        break;
    case QUEUE_ACTION_DELIVER:
        gather_deliver(queue);
        break;
    }
}

/* -- The timer ------------------------------------------------------------ */

static bool is_drained(const struct process *process)
{
    return process->phase == PROCESS_STOPPING && !process->has_stopped &&
           (process->paused_count == process->queue_count ||
            now_of(process) >= process->stop_due_ms);
}

static void take_due(struct process *process)
{
    struct queue *core;
    const struct queue_event due = {.kind = QUEUE_EVENT_DUE};
    while ((core = scheduler_take_due(&process->scheduler, now_of(process))) !=
           NULL) {
        poll_step(queue_of(core), &due);
    }
}

static void free_queue(struct poll_queue *queue)
{
    struct process *process = queue->process;
    scheduler_remove_queue(&process->scheduler, &queue->core);
    process->paused_count--;
    process->queue_count--;
    process->queues[queue->remote->index] = NULL;
    batch_free(queue->batch);
    free(queue);
}

static void on_timer(struct world *world, void *subject, uint64_t arm_number)
{
    struct process *process = subject;
    struct poll_queue *queue;
    if (process != world->process || process->arm_number != arm_number) {
        return;
    }
    process->armed_ms = HEAP_NEVER;
    while ((queue = TAILQ_FIRST(&process->gone)) != NULL) {
        TAILQ_REMOVE(&process->gone, queue, gone_link);
        gather_removed(queue);
        free_queue(queue);
    }
    take_due(process);
    poll_pump(process);
    if (is_drained(process)) {
        process->has_stopped = true;
        gather_stopped(process);
    }
}

static void poll_arm(struct process *process)
{
    struct world *world = process->world;
    uint64_t due_ms = scheduler_due_ms(&process->scheduler);
    if (process->phase == PROCESS_STOPPING && !process->has_stopped) {
        if (process->paused_count == process->queue_count) {
            due_ms = 0;
        } else if (process->stop_due_ms < due_ms) {
            due_ms = process->stop_due_ms;
        }
    }
    if (!TAILQ_EMPTY(&process->gone)) {
        due_ms = 0;
    }
    if (due_ms == process->armed_ms) {
        return;
    }
    process->armed_ms = due_ms;
    process->arm_number = ++world->arm_number;
    if (due_ms != HEAP_NEVER) {
        world_at(world, due_ms > world->now_ms ? due_ms - world->now_ms : 0,
                 on_timer, process, process->arm_number);
    }
}

void poll_pump(struct process *process)
{
    struct queue *core;
    if (process->is_pumping) {
        return;
    }
    process->is_pumping = true;
    while ((core = scheduler_next(&process->scheduler, now_of(process))) !=
           NULL) {
        queue_start_request(queue_of(core));
    }
    process->is_pumping = false;
    poll_arm(process);
}

void poll_command(struct poll_queue *queue, enum queue_event_kind kind)
{
    struct process *process = queue->process;
    guard_commanded(queue, kind);
    poll_step(queue, &(struct queue_event){.kind = kind});
    guard_obeyed(queue, kind);
    poll_pump(process);
}
