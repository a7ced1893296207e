/*
 * observer_queue.c - what is noted of queues and servers.
 *
 *   - A queue works: only its time of success is written.
 *   - It fails: its trouble is counted, by class and in a row. If its state or
 *     the kind of failure changes, that is a transition.
 *   - It works again: a transition that says how long it did not.
 *
 * If memory runs out for the trouble of a queue, its state is right all the
 * same, and only the cause is missing.
 */
#include <stdlib.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_private.h"

/* The trouble of a queue, which is made when it first has some. May be NULL. */
static struct observer_trouble *trouble_of(struct observer_queue *queue)
{
    if (queue->trouble == NULL) {
        queue->trouble = calloc(1, sizeof *queue->trouble);
    }
    return queue->trouble;
}

/* The only function that writes the state of a queue. */
static void queue_change(struct observer *observer,
                         const struct observer_place *place,
                         enum observer_queue_state state, uint64_t now_ms)
{
    struct observer_queue *queue = place->queue;
    observer_sum_state(observer, place->server, queue->state, state);
    queue->state = state;
    queue->since_ms = now_ms;
}

/* A transition of a queue from a state to the one that it has now. */
static void queue_report(struct observer *observer,
                         const struct observer_place *place, const char *from,
                         const char *to, const struct observer_note *note,
                         uint64_t lasted_ms)
{
    struct observer_trouble *trouble = trouble_of(place->queue);
    uint64_t id = observer_report(
        observer, &(struct transition){
                      .previous_id = trouble == NULL ? 0 : trouble->newest_id,
                      .at_ms = note->now_ms,
                      .kind = TRANSITION_QUEUE,
                      .from = from,
                      .to = to,
                      .error = note->error,
                      .lasted_ms = lasted_ms,
                      .failures = trouble == NULL ? 0 : trouble->in_a_row,
                      .delay_ms = note->delay_ms,
                      .server = place->server->name,
                      .name = place->name,
                      .inbox = place->inbox,
                      .text = note->text,
                      .at = place->server,
                      .log = trouble == NULL ? NULL : &trouble->log,
                  });
    if (trouble != NULL) {
        trouble->newest_id = id;
    }
}

/* Queues */

void observer_queue_add(struct observer *observer,
                        const struct observer_place *place, uint64_t now_ms)
{
    *place->queue = (struct observer_queue){.state = OBSERVER_QUEUE_STARTING,
                                            .since_ms = now_ms};
    observer_sum_state(observer, place->server, OBSERVER_QUEUE_STATE_COUNT,
                       OBSERVER_QUEUE_STARTING);
}

void observer_queue_remove(struct observer *observer,
                           const struct observer_place *place)
{
    struct observer_queue *queue = place->queue;
    if (queue->trouble != NULL && queue->trouble->log != NULL) {
        queue_report(observer, place, observer_queue_label(queue->state),
                     "removed", &(struct observer_note){0}, 0);
    }
    observer_queue_unread(observer, place, 0);
    observer_sum_state(observer, place->server, queue->state,
                       OBSERVER_QUEUE_STATE_COUNT);
    if (queue->trouble != NULL) {
        free(queue->trouble->text);
        free(queue->trouble);
        queue->trouble = NULL;
    }
}

static void end_trouble(struct observer *observer,
                        const struct observer_place *place, uint64_t now_ms)
{
    struct observer_queue *queue = place->queue;
    struct observer_trouble *trouble = queue->trouble;
    const char *from = observer_queue_label(queue->state);
    uint64_t began_ms = trouble == NULL ? 0 : trouble->began_ms;
    queue_change(observer, place, OBSERVER_QUEUE_WORKING, now_ms);
    if (began_ms == 0) {
        return; /* it was just starting */
    }
    queue_report(observer, place, from,
                 observer_queue_label(OBSERVER_QUEUE_WORKING),
                 &(struct observer_note){.now_ms = now_ms},
                 now_ms > began_ms ? now_ms - began_ms : 0);
    trouble->began_ms = 0;
    trouble->in_a_row = 0;
    trouble->error = 0;
    observer_set_text(&trouble->text, NULL);
}

void observer_queue_worked(struct observer *observer,
                           const struct observer_place *place, uint64_t now_ms)
{
    struct observer_queue *queue = place->queue;
    if (queue->state != OBSERVER_QUEUE_WORKING &&
        queue->state != OBSERVER_QUEUE_PAUSED) {
        end_trouble(observer, place, now_ms);
    }
    queue->success_ms = now_ms;
    place->server->success_ms = now_ms;
}

static void count_failure(struct observer *observer,
                          const struct observer_place *place, int error)
{
    struct observer_trouble *trouble = trouble_of(place->queue);
    enum failure_class class = failure_class_of(error);
    observer_sum_failure(observer, place->server, class);
    if (trouble != NULL && trouble->failures[class] < UINT32_MAX) {
        trouble->failures[class]++;
    }
}

/* Keeps the cause. Returns true if it is of another kind than before. */
static bool keep_cause(struct observer_queue *queue,
                       const struct observer_note *note)
{
    struct observer_trouble *trouble = trouble_of(queue);
    if (trouble == NULL) {
        return false;
    }
    bool is_other = trouble->error != note->error;
    if (trouble->began_ms == 0) {
        trouble->began_ms = note->now_ms;
    }
    trouble->in_a_row++;
    trouble->error = note->error;
    observer_set_text(&trouble->text, note->text);
    return is_other;
}

void observer_queue_failed(struct observer *observer,
                           const struct observer_place *place,
                           enum observer_queue_state state,
                           const struct observer_note *note)
{
    struct observer_queue *queue = place->queue;
    enum observer_queue_state before = queue->state;
    count_failure(observer, place, note->error);
    if (state == OBSERVER_QUEUE_STATE_COUNT) {
        return;
    }
    bool is_other = keep_cause(queue, note);
    if (before != state) {
        queue_change(observer, place, state, note->now_ms);
    }
    if (before != state || is_other) {
        queue_report(observer, place, observer_queue_label(before),
                     observer_queue_label(state), note, 0);
    }
}

void observer_queue_enter(struct observer *observer,
                          const struct observer_place *place,
                          enum observer_queue_state state,
                          const struct observer_note *note)
{
    struct observer_queue *queue = place->queue;
    enum observer_queue_state before = queue->state;
    bool has_text = observer_note_text(note)[0] != '\0';
    struct observer_trouble *trouble =
        has_text ? trouble_of(queue) : queue->trouble;
    /* The log must know that it left what it was in. */
    bool is_told = has_text || (trouble != NULL && trouble->log != NULL);
    if (trouble != NULL) {
        trouble->error = note->error;
        observer_set_text(&trouble->text, note->text);
    }
    if (before != state) {
        queue_change(observer, place, state, note->now_ms);
    }
    if (before != state && is_told) {
        queue_report(observer, place, observer_queue_label(before),
                     observer_queue_label(state), note, 0);
    }
}

void observer_queue_warn(struct observer *observer,
                         const struct observer_place *place,
                         const struct observer_note *note)
{
    queue_report(observer, place, observer_queue_label(place->queue->state),
                 "warning", note, 0);
}

/* Servers */

void observer_server_add(struct observer *observer,
                         struct observer_server *server, const char *name,
                         uint64_t now_ms)
{
    *server = (struct observer_server){
        .name = name, .state = OBSERVER_SERVER_UP, .since_ms = now_ms};
    observer_sum_server(observer, server, OBSERVER_SERVER_STATE_COUNT,
                        OBSERVER_SERVER_UP);
}

static void server_report(struct observer *observer,
                          struct observer_server *server, const char *from,
                          const char *to, const struct observer_note *note,
                          uint64_t lasted_ms)
{
    server->newest_id =
        observer_report(observer, &(struct transition){
                                      .previous_id = server->newest_id,
                                      .at_ms = note->now_ms,
                                      .kind = TRANSITION_SERVER,
                                      .from = from,
                                      .to = to,
                                      .error = note->error,
                                      .lasted_ms = lasted_ms,
                                      .delay_ms = note->delay_ms,
                                      .server = server->name,
                                      .reason = &server->text,
                                      .text = note->text,
                                      .at = server,
                                  });
}

void observer_server_remove(struct observer *observer,
                            struct observer_server *server)
{
    if (server->state != OBSERVER_SERVER_UP) {
        server_report(observer, server, observer_server_label(server->state),
                      "removed", &(struct observer_note){0}, 0);
    }
    observer_sum_server(observer, server, server->state,
                        OBSERVER_SERVER_STATE_COUNT);
    free(server->text);
    server->text = NULL;
}

void observer_server_enter(struct observer *observer,
                           struct observer_server *server,
                           enum observer_server_state state,
                           const struct observer_note *note)
{
    enum observer_server_state before = server->state;
    uint64_t since_ms = server->since_ms;
    uint64_t lasted_ms = state == OBSERVER_SERVER_UP && note->now_ms > since_ms
                             ? note->now_ms - since_ms
                             : 0;
    if (before != state || note->error != 0) { /* a probe has no cause */
        server->error = note->error;
        observer_set_text(&server->text, note->text);
    }
    if (before != state) {
        observer_sum_server(observer, server, before, state);
        server->state = state;
        server->since_ms = note->now_ms;
        server_report(observer, server, observer_server_label(before),
                      observer_server_label(state), note, lasted_ms);
    }
}

void observer_server_move(struct observer *observer,
                          struct observer_server *server, bool is_elsewhere,
                          uint64_t now_ms)
{
    enum observer_server_state before = server->state;
    enum observer_server_state state =
        is_elsewhere ? OBSERVER_SERVER_ELSEWHERE : OBSERVER_SERVER_UP;
    if (is_elsewhere == (before == OBSERVER_SERVER_ELSEWHERE)) {
        return;
    }
    if (is_elsewhere && before != OBSERVER_SERVER_UP) {
        server_report(observer, server, observer_server_label(before),
                      "elsewhere", &(struct observer_note){.now_ms = now_ms},
                      0);
    }
    observer_sum_server(observer, server, before, state);
    server->state = state;
    server->since_ms = now_ms;
    server->error = 0;
    observer_set_text(&server->text, NULL);
}

void observer_server_warn(struct observer *observer,
                          struct observer_server *server,
                          const struct observer_note *note)
{
    server_report(observer, server, observer_server_label(server->state),
                  "warning", note, 0);
}
