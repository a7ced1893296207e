/*
 * poll.c - mirrors src/poller/poller.c: batches, steps, the timer. Its requests
 * are in poll_request.c. Function for function, so that a change of the order
 * of calls there is one here; the guard and the crash points stand between.
 */
#include "poll.h"

#include <stdlib.h>

#include "core/batch.h"
#include "gather.h"
#include "poll_private.h"
#include "process.h"
#include "world.h"

/* It is the first part of it. */
static struct poll_queue *queue_of(struct queue *core)
{
    return (struct poll_queue *)core;
}

static uint64_t now_of(const struct process *process)
{
    return process->world->now_ms;
}

/* -- Batches -------------------------------------------------------------- */

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

void poll_keep_token(struct poll_queue *queue)
{
    struct haplo_batch *token = batch_new();
    if (token == NULL) {
        return;
    }
    batch_move_token(token, queue->batch);
    batch_free(queue->batch);
    queue->batch = token;
    poll_count_bytes(queue);
}

void poll_give_back(struct poll_queue *queue)
{
    queue->request = NULL;
    if (queue->next_key >= 0) {
        queue->key = queue->next_key;
        queue->next_key = -1;
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
    poll_give_back(queue);
    guard_cancelled(queue);
    scheduler_request_ended(&process->scheduler, &queue->core, HAPLO_ECANCELED,
                            now_of(process));
}

static void queue_confirm(struct poll_queue *queue)
{
    struct process *process = queue->process;
    if (process->phase == PROCESS_STOPPING) {
        process->batches_left--;
    }
    process->world->totals->epochs++;
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
    guard_stepped(queue, event);
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
        guard_confirmed(queue, from, event, epoch);
        queue_confirm(queue);
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
        poll_start_request(queue_of(core));
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
