/*
 * observer_feed.c - what each event means for operators.
 *
 *   - Of the steps of a queue, those that end a poll or a batch are a success;
 *     waiting after a failure is a state. The steps in between are none.
 *   - A queue that is paused because the disk of its inbox is nearly full is
 *     one of many: its state changes, but only the inbox reports it.
 *   - An inbox that stores nothing is found out by deliveries, and works again
 *     with the first one that is stored.
 */
#include "daemon/observe/observer_feed.h"

#include <stdio.h>

#include "base/wall_clock.h"
#include "daemon/observe/observer_private.h"

static struct observer_place place_of(struct gather_queue *queue)
{
    return (struct observer_place){
        .server = &queue->server->seen,
        .queue = &queue->seen,
        .name = queue->config->name,
        .inbox = queue->config->settings->inbox->name,
    };
}

static struct observer *observer_of(const struct gather_queue *queue)
{
    return &queue->server->gather->observer;
}

static struct observer_note note_of(const struct haplo_event *event)
{
    return (struct observer_note){
        .now_ms = wall_clock_ms(),
        .error = event->error,
        .text = event->text,
        .delay_ms = event->delay_ms,
    };
}

struct observer_note observer_note_now(const char *text)
{
    return (struct observer_note){.now_ms = wall_clock_ms(), .text = text};
}

/* Objects */

void observer_feed_add_server(struct gather_server *server)
{
    observer_server_add(&server->gather->observer, &server->seen, server->name,
                        wall_clock_ms());
}

void observer_feed_remove_server(struct gather_server *server)
{
    observer_server_remove(&server->gather->observer, &server->seen);
}

void observer_feed_add_queue(struct gather_queue *queue)
{
    struct observer_place place = place_of(queue);
    observer_queue_add(observer_of(queue), &place, wall_clock_ms());
}

void observer_feed_remove_queue(struct gather_queue *queue)
{
    struct observer_place place = place_of(queue);
    observer_queue_remove(observer_of(queue), &place);
}

void observer_feed_add_outlet(struct gather_outlet *outlet)
{
    observer_outlet_add(&outlet->seen, outlet->name, wall_clock_ms());
}

void observer_feed_remove_outlet(struct gather_outlet *outlet)
{
    observer_outlet_remove(&outlet->gather->observer, &outlet->seen);
}

void observer_feed_reset_outlet(struct gather_outlet *outlet)
{
    observer_outlet_reset(&outlet->gather->observer, &outlet->seen);
}

void observer_feed_add_inbox(struct gather_inbox *inbox)
{
    observer_inbox_add(&inbox->seen, inbox->name, wall_clock_ms());
}

void observer_feed_remove_inbox(struct gather_inbox *inbox)
{
    observer_inbox_remove(&inbox->gather->observer, &inbox->seen);
}

/* Events of the poller */

static bool is_pausing(int state)
{
    return state >= HAPLO_QUEUE_PAUSED;
}

/* Drained or marked. READY alone may mean just the next attempt. */
static bool is_success(const struct haplo_event *event)
{
    return event->error == 0 && (event->to == HAPLO_QUEUE_IDLE ||
                                 (event->to == HAPLO_QUEUE_READY &&
                                  event->from == HAPLO_QUEUE_MARKING));
}

/* The state of a queue that has failed; COUNT: one that is retried at once,
 * which operators need not know. */
static enum observer_queue_state failed_state(const struct haplo_event *event)
{
    switch (event->to) {
    case HAPLO_QUEUE_BACKOFF:
        return OBSERVER_QUEUE_FAILING;
    case HAPLO_QUEUE_REFUSED:
        return OBSERVER_QUEUE_REFUSED;
    case HAPLO_QUEUE_BLOCKED:
        return OBSERVER_QUEUE_BLOCKED;
    case HAPLO_QUEUE_DELIVER_WAIT:
        return OBSERVER_QUEUE_UNDELIVERED;
    default:
        return event->error == HAPLO_ESTALE ? OBSERVER_QUEUE_FAILING
                                            : OBSERVER_QUEUE_STATE_COUNT;
    }
}

/* Without an operator it is paused because of its inbox, or of the end. */
static void pause_or_resume(struct gather_queue *queue,
                            const struct observer_place *place,
                            const struct haplo_event *event)
{
    struct observer_note note = observer_note_now(NULL);
    bool is_paused = is_pausing(event->to);
    bool is_told =
        place->queue->trouble != NULL && place->queue->trouble->text != NULL;
    if (!is_paused && is_told) {
        note.text = "resumed";
    }
    if (!is_paused || place->queue->state != OBSERVER_QUEUE_PAUSED) {
        observer_queue_enter(
            observer_of(queue), place,
            is_paused ? OBSERVER_QUEUE_PAUSED : OBSERVER_QUEUE_STARTING, &note);
    }
}

static void on_queue_event(const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    struct observer *observer = observer_of(queue);
    struct observer_place place = place_of(queue);
    if (event->from == event->to) {
        struct observer_note note = note_of(event);
        observer_queue_warn(observer, &place, &note);
        return;
    }
    if (event->from == HAPLO_QUEUE_FETCHING &&
        event->to == HAPLO_QUEUE_DELIVERING) {
        observer_fetched(observer, place.server, event->message_count);
    }
    if (is_pausing(event->to) != is_pausing(event->from)) {
        pause_or_resume(queue, &place, event);
    } else if (event->error != 0) {
        struct observer_note note = note_of(event);
        observer_queue_failed(observer, &place, failed_state(event), &note);
    } else if (is_success(event)) {
        observer_queue_worked(observer, &place, wall_clock_ms());
    }
}

/* Keys that have not worked yet wait, so that the server does not lock out the
 * address. */
static void warn_of_logins(struct gather_server *server,
                           const struct observer_note *note)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    struct observer_note told = *note;
    (void)snprintf(text, sizeof text,
                   "too many failed logins in a row: API keys that have not "
                   "worked yet wait for %.0f s",
                   (double)note->delay_ms / 1000);
    told.text = text;
    observer_server_warn(&server->gather->observer, &server->seen, &told);
}

static void on_server_event(const struct haplo_event *event)
{
    struct gather_server *server = haplo_server_data(event->server);
    struct observer *observer = &server->gather->observer;
    struct observer_note note = note_of(event);
    if (event->from == event->to) {
        if (event->error != 0) {
            warn_of_logins(server, &note);
        }
        return;
    }
    observer_server_enter(observer, &server->seen,
                          event->to == HAPLO_SERVER_UP ? OBSERVER_SERVER_UP
                          : event->to == HAPLO_SERVER_SILENT
                              ? OBSERVER_SERVER_SILENT
                              : OBSERVER_SERVER_DOWN,
                          &note);
}

void observer_feed_event(const struct haplo_event *event)
{
    if (event->queue != NULL) {
        on_queue_event(event);
    } else {
        on_server_event(event);
    }
}

/* Batches */

static void count_resends(struct gather_queue *queue,
                          const struct inbox_delivery *delivery)
{
    struct gather *gather = queue->server->gather;
    for (size_t i = 0; i < delivery->count; i++) {
        const struct haplo_message *message = &delivery->messages[i];
        if (resends_note(&gather->resends, queue, message->key) &&
            !message->is_repeat) {
            observer_resent(&gather->observer, &queue->server->seen);
        }
    }
}

static void inbox_failed(struct gather_inbox *inbox, const char *why)
{
    if (inbox->seen.state != OBSERVER_INBOX_SHORT) {
        struct observer_note note = observer_note_now(why);
        note.error = HAPLO_EDELIVERY;
        observer_inbox_enter(&inbox->gather->observer, &inbox->seen,
                             OBSERVER_INBOX_FAILING, &note);
    }
}

static void inbox_worked(struct gather_inbox *inbox)
{
    const struct observer_note note = observer_note_now(NULL);
    inbox->seen.success_ms = note.now_ms;
    if (inbox->seen.state == OBSERVER_INBOX_FAILING) {
        observer_inbox_enter(&inbox->gather->observer, &inbox->seen,
                             OBSERVER_INBOX_WORKING, &note);
    }
}

void observer_feed_delivered(struct gather_queue *queue,
                             const struct inbox_delivery *delivery,
                             enum inbox_verdict verdict, const char *why)
{
    struct gather_inbox *inbox = inbox_data(delivery->queue->inbox);
    observer_stored(observer_of(queue), &queue->server->seen,
                    delivery->stored_count, delivery->repeat_count);
    if (verdict == INBOX_STORED) {
        inbox_worked(inbox);
        if (delivery->stored_count > 0) {
            count_resends(queue, delivery);
        }
    } else if (verdict == INBOX_RETRY) {
        inbox_failed(inbox, why);
    }
}

void observer_feed_marked(struct gather_queue *queue,
                          const struct haplo_mark *mark)
{
    struct observer_place place = place_of(queue);
    struct observer *observer = observer_of(queue);
    observer_marked(observer, place.server, mark->message_count);
    if (mark->unread_count >= 0) {
        observer_queue_unread(observer, &place,
                              mark->unread_count > UINT32_MAX
                                  ? UINT32_MAX
                                  : (uint32_t)mark->unread_count);
    }
}

/* Holds and pauses */

void observer_feed_paused(struct gather_queue *queue, const char *why)
{
    struct observer_place place = place_of(queue);
    struct observer_note note = observer_note_now(why);
    observer_queue_enter(observer_of(queue), &place, OBSERVER_QUEUE_PAUSED,
                         &note);
}

void observer_feed_held(struct gather_queue *queue, const char *why)
{
    struct observer_place place = place_of(queue);
    struct observer_note note = observer_note_now(why);
    observer_queue_enter(observer_of(queue), &place, OBSERVER_QUEUE_HELD,
                         &note);
}

void observer_feed_unheld(struct gather_queue *queue)
{
    struct observer_place place = place_of(queue);
    struct observer_note note = observer_note_now(NULL);
    if (place.queue->state == OBSERVER_QUEUE_HELD) {
        observer_queue_enter(observer_of(queue), &place,
                             OBSERVER_QUEUE_STARTING, &note);
    }
}

void observer_feed_restarted(struct gather_queue *queue)
{
    struct observer_place place = place_of(queue);
    struct observer_note note = observer_note_now(NULL);
    observer_queue_enter(observer_of(queue), &place, OBSERVER_QUEUE_STARTING,
                         &note);
}

void observer_feed_elsewhere(struct gather_queue *queue)
{
    struct observer_place place = place_of(queue);
    struct observer_note note = observer_note_now(NULL);
    observer_queue_unread(observer_of(queue), &place, 0);
    observer_queue_enter(observer_of(queue), &place, OBSERVER_QUEUE_ELSEWHERE,
                         &note);
}

void observer_feed_server_move(struct gather_server *server, bool is_elsewhere)
{
    observer_server_move(&server->gather->observer, &server->seen, is_elsewhere,
                         wall_clock_ms());
}

/* The server reports it; its queues may be many. */
void observer_feed_server_held(struct gather_server *server, const char *why)
{
    struct observer *observer = &server->gather->observer;
    struct observer_note note = observer_note_now(why);
    struct gather_queue *queue;
    size_t cursor = 0;
    observer_server_enter(observer, &server->seen, OBSERVER_SERVER_HELD, &note);
    note.text = NULL;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        struct observer_place place = place_of(queue);
        observer_queue_enter(observer, &place, OBSERVER_QUEUE_HELD, &note);
    }
}

void observer_feed_server_unheld(struct gather_server *server)
{
    struct observer_note note = observer_note_now(NULL);
    observer_server_enter(&server->gather->observer, &server->seen,
                          OBSERVER_SERVER_UP, &note);
}
