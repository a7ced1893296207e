/*
 * reload_queue.c - the change of a queue.
 *
 *   - It leaves the poller: its batch is delivered and marked, and the library
 *     removes it (leave).
 *   - The inbox has stored that the mark was confirmed. So the stored state is
 *     the newest one.
 *   - If it has no next configuration, it is closed in its inbox and freed.
 *   - Otherwise, once its server and its inbox are there, its state is moved
 *     to that inbox if it is another one (gather_moves.c), and the queue is
 *     added to the poller again.
 *
 * Other cases:
 *
 *   - Its batch is not marked within drain_timeout, perhaps because its server
 *     is down: the token is given up. The server will send the batch again, and
 *     what is stored is recognised.
 *   - The new inbox is not open: the queue stays at work in the old one until
 *     it is. If that has to be closed, the queue waits.
 *   - Its inbox is opened again with other options, perhaps as another
 *     database: the queue keeps its state in memory meanwhile, and stores it
 *     where the database has no state of it. It does not wait longer than
 *     drain_timeout for the old database to store a confirmation.
 *   - Its key cannot be read, or its server's files: it is held.
 *   - Its state cannot be moved: this is logged, and tried again after a wait.
 */
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_key.h"
#include "daemon/gather/gather_moves.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_feed.h"
#include "daemon/reload/reload_step.h"

static struct gather_inbox *inbox_named(const struct reload_change *change,
                                        const char *name)
{
    return name_table_find(&change->changes->gather->inboxes, name);
}

/* The inbox in which it is to be stored; NULL: it cannot be used yet. */
static struct gather_inbox *target_of(const struct reload_change *change)
{
    const struct config_queue *next = change->next;
    struct gather_inbox *inbox =
        inbox_named(change, next->settings->inbox->name);
    return inbox != NULL && inbox->is_open && !inbox->is_changing ? inbox
                                                                  : NULL;
}

/* Leaving the poller */

static void set_deadline(struct reload_change *change)
{
    const struct gather *gather = change->changes->gather;
    change->deadline_ms =
        uv_now(gather->loop) + gather->config->drain_timeout_ms;
}

/* It may leave for another reason, while it is PENDING. */
void reload_queue_left(struct gather_queue *queue, bool has_proven_key)
{
    struct reload_change *change =
        reload_change_find(queue->server->gather->changes, CONFIG_PART_QUEUE,
                           queue->server->name, queue->config->name);
    set_deadline(change);
    change->has_proven_key = has_proven_key;
    change->step = RELOAD_FINISHED;
    reload_change_ready(change);
}

static bool is_failing(enum haplo_queue_state state)
{
    return state == HAPLO_QUEUE_BACKOFF || state == HAPLO_QUEUE_REFUSED ||
           state == HAPLO_QUEUE_BLOCKED || state == HAPLO_QUEUE_DELIVER_WAIT;
}

static void leave(struct reload_change *change)
{
    struct gather_queue *queue = change->object;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    set_deadline(change);
    if (queue->queue == NULL) {
        change->step = RELOAD_FINISHED;
        return;
    }
    haplo_queue_get_stats(queue->queue, &stats);
    change->was_failing = is_failing(stats.state);
    change->step = RELOAD_FINISHING;
    gather_queue_leave_poller(queue);
}

bool reload_queue_give_up(struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue->queue, &stats);
    haplo_queue_give_up(queue->queue);
    return stats.state == HAPLO_QUEUE_LAST_MARK_READY ||
           stats.state == HAPLO_QUEUE_LAST_MARKING ||
           stats.state == HAPLO_QUEUE_LAST_MARK_WAIT;
}

/* True if it can stay at work until its new inbox is open. */
static bool may_stay(const struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    if (queue->queue == NULL || change->next == NULL ||
        queue->server->is_changing || target_of(change) != NULL) {
        return false;
    }
    const struct gather_inbox *own = inbox_data(queue->stored->inbox);
    const struct config_queue *next = change->next;
    return !own->is_changing &&
           strcmp(own->name, next->settings->inbox->name) != 0;
}

void reload_queue_begin(struct reload_change *change)
{
    if (may_stay(change)) {
        change->step = RELOAD_PENDING;
    } else {
        leave(change);
    }
}

/* Storing it */

/* Its inbox is to be closed, which must not wait for the one that the queue
 * goes to: the queue takes its state along. */
static bool must_leave_inbox(const struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    const struct gather_inbox *own =
        queue->stored == NULL ? NULL : inbox_data(queue->stored->inbox);
    return own != NULL && own->is_changing;
}

/* False: out of memory. */
static bool leave_inbox(struct reload_change *change)
{
    struct gather_queue *queue = change->object;
    char *name = strdup(inbox_name(queue->stored->inbox));
    if (name == NULL) {
        return false;
    }
    free(change->left);
    change->left = name;
    gather_queue_leave_inbox(queue);
    return true;
}

/* Without the copy, what is unread may be stored again. */
static bool take_state(struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    const struct haplo_slice state = queue->stored->state;
    free(change->state);
    change->state = state.size > 0 ? malloc(state.size) : NULL;
    change->state_size = change->state != NULL ? state.size : 0;
    if (change->state != NULL) {
        memcpy(change->state, state.data, state.size);
    }
    return leave_inbox(change);
}

static void on_replaced(struct inbox_replace *replace, int error,
                        const char *why)
{
    struct reload_change *change =
        container_of(replace, struct reload_change, replace);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s: its state cannot be stored: %s",
                 change->name, why);
        reload_change_back_off(change);
    } else {
        free(change->state);
        change->state = NULL;
    }
    change->step = RELOAD_FINISHED;
    reload_change_ready(change);
}

/* An inbox without a state of the queue is another database than before. If the
 * queue comes from an inbox that is still there, that has the newest state. */
static bool brings_state(struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    bool is_back = strcmp(change->left != NULL ? change->left : "",
                          inbox_name(queue->stored->inbox)) == 0;
    if (change->state == NULL || queue->stored->state.size > 0 ||
        (!is_back && inbox_named(change, change->left) != NULL)) {
        return false;
    }
    change->step = RELOAD_MOVING;
    change->replace = (struct inbox_replace){
        .queue = queue->stored,
        .state = {.data = change->state, .size = change->state_size},
        .replaced_cb = on_replaced,
    };
    inbox_replace_state(&change->replace);
    return true;
}

static void on_moved(struct gather_queue *queue, int error, void *data)
{
    struct reload_change *change = data;
    (void)queue;
    if (error != 0) {
        reload_change_back_off(change); /* the cause is logged */
    }
    change->step = RELOAD_FINISHED;
    reload_change_ready(change);
}

/* Opens it in its inbox, and brings or moves its state there. */
static enum reload_progress store(struct reload_change *change,
                                  struct gather_inbox *inbox)
{
    struct gather_queue *queue = change->object;
    if (queue->stored != NULL && queue->stored->inbox != inbox->inbox &&
        !leave_inbox(change)) {
        return RELOAD_WAITS;
    }
    if (queue->stored == NULL && gather_queue_store_in(queue, inbox) != 0) {
        return RELOAD_WAITS;
    }
    if (brings_state(change)) {
        return RELOAD_BUSY;
    }
    if (gather_move_is_due(queue)) {
        change->step = RELOAD_MOVING;
        return gather_move_start(queue, on_moved, change) == 0 ? RELOAD_BUSY
                                                               : RELOAD_WAITS;
    }
    return RELOAD_DONE;
}

/* At work again */

/* Its next key is the one that it left with. Others may work, too, but the
 * server has not said so: see failed_logins.h. */
static bool keeps_key(const struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    const struct config_queue *next = change->next;
    const struct config_key *old = queue->config->key;
    const struct config_key *key = next->key;
    return old->kind == key->kind && strcmp(old->name, key->name) == 0 &&
           key->path != NULL && !gather_key_has_changed(queue);
}

static enum reload_progress start(struct reload_change *change)
{
    struct gather_queue *queue = change->object;
    if (!gather_slots_own(queue->server)) {
        queue->is_changing = false;
        return RELOAD_DONE;
    }
    int error = queue->server->server == NULL
                    ? gather_hold_with_server(queue)
                    : gather_queues_add_queue(queue, change->has_proven_key);
    if (error != 0) {
        return RELOAD_WAITS;
    }
    if (queue->queue == NULL) {
        gather_holds_tell_newest(queue->server->gather,
                                 &change->changes->told_count);
    } else {
        observer_feed_restarted(queue);
    }
    if (queue->queue != NULL && change->was_failing) {
        haplo_queue_poll_now(queue->queue);
    }
    queue->is_changing = false;
    return RELOAD_DONE;
}

/* What is confirmed is stored. An inbox that is to be closed is not waited for
 * any longer than a mark: it may be closed because it is dead. */
static bool has_settled(const struct reload_change *change)
{
    const struct gather_queue *queue = change->object;
    const struct gather *gather = change->changes->gather;
    return queue->stored == NULL || inbox_queue_is_settled(queue->stored) ||
           (must_leave_inbox(change) &&
            uv_now(gather->loop) >= change->deadline_ms);
}

/* The inbox that it moves from can be asked for its state, unless it has been
 * removed. */
static bool has_left(const struct reload_change *change)
{
    const struct gather_inbox *left =
        change->left == NULL ? NULL : inbox_named(change, change->left);
    return left == NULL || left->is_open;
}

/* It has left the poller, or was never there. */
static enum reload_progress finish(struct reload_change *change)
{
    struct gather_queue *queue = change->object;
    if (change->next == NULL) {
        gather_queue_drop(queue);
        return RELOAD_DONE;
    }
    if (!reload_change_is_due(change) || !has_settled(change)) {
        return RELOAD_WAITS;
    }
    if (must_leave_inbox(change) && !take_state(change)) {
        return RELOAD_WAITS;
    }
    struct gather_inbox *inbox = target_of(change);
    if (inbox == NULL || queue->server->is_changing || !has_left(change)) {
        return RELOAD_WAITS;
    }
    change->has_proven_key = change->has_proven_key && keeps_key(change);
    queue->config = change->next;
    reload_change_let_go(change);
    enum reload_progress progress = store(change, inbox);
    return progress == RELOAD_DONE ? start(change) : progress;
}

enum reload_progress reload_queue_go_on(struct reload_change *change)
{
    if (change->step == RELOAD_PENDING && !may_stay(change)) {
        leave(change);
    }
    switch (change->step) {
    case RELOAD_PENDING:
        return RELOAD_WAITS;
    case RELOAD_FINISHING:
        return RELOAD_FINISHES;
    case RELOAD_FINISHED:
        return finish(change);
    default:
        return RELOAD_BUSY;
    }
}
