/*
 * guard_event.c - the guard's checks of events: they must report what the
 * responses mean, and nothing else.
 */
#include <stdio.h>

#include "guard.h"
#include "operator.h"
#include "process.h"
#include "world.h"

static void check(const struct seen_queue *queue, bool holds, const char *what)
{
    if (!holds) {
        guard_violation(queue, what);
    }
}

/* True for all states except those between two batches. */
bool guard_has_batch(enum haplo_queue_state state)
{
    static const bool has_none[TOTALS_QUEUE_STATES] = {
        [HAPLO_QUEUE_IDLE] = true,     [HAPLO_QUEUE_READY] = true,
        [HAPLO_QUEUE_FETCHING] = true, [HAPLO_QUEUE_BACKOFF] = true,
        [HAPLO_QUEUE_REFUSED] = true,  [HAPLO_QUEUE_BLOCKED] = true,
        [HAPLO_QUEUE_PAUSED] = true,
    };
    return !has_none[state];
}

static bool is_meant_by_fetch(const struct meaning *meaning,
                              const struct haplo_event *event)
{
    switch (meaning->kind) {
    case MEANING_BATCH:
        return event->to == HAPLO_QUEUE_DELIVERING;
    case MEANING_EMPTY:
        return event->to == HAPLO_QUEUE_IDLE && event->error == 0;
    case MEANING_FAILURE:
        return event->to == (meaning->error == HAPLO_EREFUSED
                                 ? HAPLO_QUEUE_REFUSED
                                 : HAPLO_QUEUE_BACKOFF) &&
               event->error == meaning->error;
    case MEANING_MARKED:
        break;
    }
    return false;
}

static bool is_meant_by_mark(const struct seen_queue *queue,
                             const struct haplo_event *event)
{
    const struct meaning *meaning = &queue->guard.meaning;
    bool is_last = event->from == HAPLO_QUEUE_LAST_MARKING;
    if (meaning->kind == MEANING_FAILURE) {
        return event->error == meaning->error;
    }
    if (!guard_is_progress(queue, meaning)) {
        return event->error == HAPLO_ENOPROGRESS;
    }
    return event->error == 0 &&
           event->to == (int)(is_last                      ? HAPLO_QUEUE_PAUSED
                              : meaning->unread_count == 0 ? HAPLO_QUEUE_IDLE
                                                           : HAPLO_QUEUE_READY);
}

static void check_meaning(struct seen_queue *queue,
                          const struct haplo_event *event)
{
    bool is_pause = event->to == HAPLO_QUEUE_PAUSED ||
                    event->to == HAPLO_QUEUE_LAST_MARKING ||
                    event->to == HAPLO_QUEUE_MARKING;
    if (!queue->guard.has_meaning) {
        check(queue, is_pause && event->error == 0, "an end without an answer");
        return;
    }
    queue->guard.has_meaning = false;
    check(queue,
          event->from == HAPLO_QUEUE_FETCHING
              ? is_meant_by_fetch(&queue->guard.meaning, event)
              : is_meant_by_mark(queue, event),
          "an answer is taken for another one");
}

static uint64_t due_of(const struct process *process,
                       const struct haplo_event *event)
{
    switch (event->to) {
    case HAPLO_QUEUE_IDLE:
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
    case HAPLO_QUEUE_DELIVER_WAIT:
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        return process->loop_ms + event->delay_ms;
    default:
        return event->delay_ms == 0 ? GUARD_NEVER
                                    : process->loop_ms + event->delay_ms;
    }
}

static bool is_in_flight(int state)
{
    return state == HAPLO_QUEUE_FETCHING || state == HAPLO_QUEUE_MARKING ||
           state == HAPLO_QUEUE_LAST_MARKING;
}

static void queue_event(struct seen_queue *queue,
                        const struct haplo_event *event)
{
    struct world *world = queue->process->world;
    check(queue, event->from == (int)queue->guard.state,
          "comes from a state that it was not in");
    queue->guard.state = (enum haplo_queue_state)event->to;
    queue->guard.due_ms = due_of(queue->process, event);
    queue->guard.has_stirred = true;
    guard_leaves_line(queue->server);
    world_note_edge(world, (enum haplo_queue_state)event->from,
                    (enum haplo_queue_state)event->to);
    trace_event(world, queue->remote->name, event);
    if (is_in_flight(event->from)) {
        check_meaning(queue, event);
    }
    if (guard_has_batch((enum haplo_queue_state)event->from) &&
        (!guard_has_batch(queue->guard.state) ||
         event->to == HAPLO_QUEUE_MARK_READY ||
         event->to == HAPLO_QUEUE_LAST_MARK_READY)) {
        guard_leaves(queue, (enum haplo_queue_state)event->from, event);
    }
    guard_waits(queue, event->error);
    operator_sees(queue, queue->guard.state);
    world_crash_at_change(world, queue->guard.state);
}

static void server_event(struct seen_server *server,
                         const struct haplo_event *event)
{
    struct world *world = server->process->world;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_get_stats(event->server, &stats);
    server->guard.logins_held = stats.logins_held;
    trace_server_event(world, server->remote->name, event, stats.logins_held);
    if (event->from == event->to) {
        return;
    }
    server->guard.state = (enum haplo_server_state)event->to;
    server->guard.due_ms =
        event->to == HAPLO_SERVER_DOWN || event->to == HAPLO_SERVER_SILENT
            ? server->process->loop_ms + event->delay_ms
            : GUARD_NEVER;
    guard_server_waits(server);
    if (event->to == HAPLO_SERVER_SILENT) {
        server->guard.must_probe = true; /* also if not located yet */
        world_count(world, SITUATION_SILENCE_KEPT);
    }
}

void guard_event(struct process *process, const struct haplo_event *event)
{
    if (event->queue == NULL) {
        server_event(
            process_find_server(process, haplo_server_name(event->server)),
            event);
    } else if (event->from != event->to) {
        queue_event(process_find_queue(process, event->queue), event);
    }
}
