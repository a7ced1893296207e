/*
 * reload_step.c - the changes of servers, outlets and inboxes, which wait for
 * queues and for each other; see reload_change.h. reload_queue.c has those of
 * queues.
 */
#include "daemon/reload/reload_step.h"

#include <stdio.h>

#include "base/reason.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_inboxes.h"
#include "daemon/gather/gather_outlets.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"

#define BACKOFF_MS 1000      /* before something is tried again */
#define BACKOFF_MAX_MS 60000 /* the same, after many failures */

void reload_change_back_off(struct reload_change *change)
{
    change->backoff_ms =
        change->backoff_ms == 0 ? BACKOFF_MS : 2 * change->backoff_ms;
    if (change->backoff_ms > BACKOFF_MAX_MS) {
        change->backoff_ms = BACKOFF_MAX_MS;
    }
    change->due_ms = uv_now(change->changes->gather->loop) + change->backoff_ms;
}

bool reload_change_is_due(const struct reload_change *change)
{
    return uv_now(change->changes->gather->loop) >= change->due_ms;
}

/* Servers */

/* Its queues have left the poller. */
static bool server_leave(struct gather_server *server)
{
    if (server->server != NULL && haplo_server_remove(server->server) != 0) {
        return false;
    }
    server->server = NULL;
    return true;
}

enum reload_progress reload_server_go_on(struct reload_change *change)
{
    struct gather_server *server = change->object;
    char why[HAPLO_TEXT_SIZE_MAX];
    if (!server_leave(server) ||
        (change->next == NULL && server->queues.count > 0)) {
        return RELOAD_WAITS;
    }
    if (change->next == NULL) {
        gather_server_drop(server);
        return RELOAD_DONE;
    }
    server->config = change->next;
    reload_change_let_go(change);
    if (reload_server_add(server, why, sizeof why) == HAPLO_ENOMEM) {
        return RELOAD_WAITS;
    }
    server->is_changing = false;
    return RELOAD_DONE;
}

int reload_server_add(struct gather_server *server, char *why, size_t why_size)
{
    int error = gather_slots_own(server)
                    ? gather_queues_add_server(server, why, why_size)
                    : 0;
    if (error == HAPLO_ENOMEM) {
        return error;
    }
    if (error == 0) {
        observer_feed_server_unheld(server);
        return 0;
    }
    log_line(LOG_LEVEL_ERROR, "server %s: %s", server->name, why);
    error = gather_server_blame(server, why);
    if (error == 0) {
        observer_feed_server_held(server, server->why);
    }
    return error;
}

/* Outlets */

enum reload_progress reload_outlet_go_on(struct reload_change *change)
{
    struct gather_outlet *outlet = change->object;
    struct gather *gather = outlet->gather;
    if (outlet->forwarder != NULL) {
        return RELOAD_BUSY;
    }
    reload_pin_remove(&gather->changes->pins, outlet);
    if (change->next == NULL) {
        gather_outlet_drop(outlet);
        return RELOAD_DONE;
    }
    gather_outlet_configure(outlet, change->next);
    reload_change_let_go(change);
    if (!outlet->inbox->is_open || outlet->inbox->is_changing ||
        reload_pin_add(&gather->changes->pins, outlet) != 0) {
        return RELOAD_WAITS;
    }
    if (gather_outlet_start(outlet) != 0) {
        reload_pin_remove(&gather->changes->pins, outlet);
        return RELOAD_WAITS;
    }
    outlet->is_changing = false;
    return RELOAD_DONE;
}

/* Inboxes */

/* Opening has ended. */
static enum reload_progress inbox_opened(struct reload_change *change)
{
    struct gather_inbox *inbox = change->object;
    if (inbox->config != change->next) {
        change->step = RELOAD_FINISHING; /* another reload came meanwhile */
        return reload_inbox_go_on(change);
    }
    if (!inbox->is_open) {
        change->step = RELOAD_FINISHED;
        reload_change_back_off(change);
        return RELOAD_WAITS;
    }
    inbox->is_changing = false;
    gather_inboxes_share(inbox->gather);
    (void)gather_outlets_retain(inbox->gather); /* logs its error */
    return RELOAD_DONE;
}

static enum reload_progress inbox_start(struct reload_change *change)
{
    struct gather_inbox *inbox = change->object;
    if (!reload_change_is_due(change)) {
        return RELOAD_WAITS;
    }
    inbox->config = change->next;
    reload_change_let_go(change);
    if (gather_inbox_start(inbox) != 0) {
        return RELOAD_WAITS;
    }
    change->step = RELOAD_OPENING;
    return RELOAD_BUSY;
}

enum reload_progress reload_inbox_go_on(struct reload_change *change)
{
    struct gather_inbox *inbox = change->object;
    if (inbox->is_opening || inbox->is_closing) {
        return RELOAD_BUSY;
    }
    if (change->step == RELOAD_OPENING) {
        return inbox_opened(change);
    }
    if (inbox->user_count > 0) {
        return RELOAD_WAITS;
    }
    if (inbox->is_open) {
        gather_inbox_stop(inbox);
        return RELOAD_BUSY;
    }
    if (change->next == NULL) {
        gather_inbox_drop(inbox);
        return RELOAD_DONE;
    }
    return inbox_start(change);
}

/* Telling */

/* It has not left the poller. */
static void batch_explain(const struct reload_change *change, char *text,
                          size_t text_size)
{
    const struct gather_queue *queue = change->object;
    uint64_t now_ms = uv_now(change->changes->gather->loop);
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue->queue, &stats);
    if (stats.state == HAPLO_QUEUE_LAST_DELIVERING) {
        snprintf(text, text_size, "waits until inbox %s has stored its batch",
                 inbox_name(queue->stored->inbox));
    } else if (change->deadline_ms > now_ms) {
        snprintf(text, text_size,
                 "waits until its batch is marked, for at most %.0f s more",
                 (double)(change->deadline_ms - now_ms) / 1000);
    } else {
        snprintf(text, text_size, "its batch could not be marked in time");
    }
}

static void queue_explain(const struct reload_change *change, char *text,
                          size_t text_size)
{
    const struct gather_queue *queue = change->object;
    const struct config_queue *next = change->next;
    if (change->step == RELOAD_PENDING) {
        snprintf(text, text_size, "stays in inbox %s until inbox %s is open",
                 inbox_name(queue->stored->inbox), next->settings->inbox->name);
    } else if (queue->queue != NULL) {
        batch_explain(change, text, text_size);
    } else if (change->step == RELOAD_MOVING) {
        snprintf(text, text_size, "its state is being moved");
    } else if (!reload_change_is_due(change)) {
        snprintf(text, text_size,
                 "its state could not be moved, which is tried again; the log "
                 "has the cause");
    } else if (queue->stored != NULL &&
               !inbox_queue_is_settled(queue->stored)) {
        snprintf(text, text_size, "waits until inbox %s has stored its state",
                 inbox_name(queue->stored->inbox));
    } else if (queue->server->is_changing) {
        snprintf(text, text_size, "waits for its server");
    } else {
        snprintf(text, text_size, "waits for inbox %s",
                 next == NULL ? "" : next->settings->inbox->name);
    }
}

static void inbox_explain(const struct reload_change *change, char *text,
                          size_t text_size)
{
    const struct gather_inbox *inbox = change->object;
    if (inbox->user_count > 0) {
        snprintf(text, text_size, "waits for %zu queues and outlets",
                 inbox->user_count);
    } else if (inbox->why != NULL) {
        (void)reason_write(text, text_size, 0, "%s", inbox->why);
    } else {
        snprintf(text, text_size, inbox->is_closing ? "closing" : "opening");
    }
}

void reload_change_explain(const struct reload_change *change, char *text,
                           size_t text_size)
{
    const struct gather_outlet *outlet = change->object;
    switch (change->part) {
    case CONFIG_PART_INBOX:
        inbox_explain(change, text, text_size);
        break;
    case CONFIG_PART_OUTLET:
        if (outlet->forwarder != NULL) {
            snprintf(text, text_size, "finishing what is in flight");
        } else {
            snprintf(text, text_size, "waits for inbox %s",
                     outlet->inbox->name);
        }
        break;
    case CONFIG_PART_SERVER:
        snprintf(text, text_size, "waits until its queues have finished");
        break;
    default:
        queue_explain(change, text, text_size);
    }
}
