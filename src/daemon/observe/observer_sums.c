/*
 * observer_sums.c - counts what queues are in and do, for their server and for
 * all of them at once. Whoever wants to know the whole reads a few numbers,
 * however many servers and queues there are.
 *
 * Counters of what was done stay when a server is removed: they never go down.
 */
#include <assert.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_private.h"

/* States */

/* Nothing is wrong with the queue itself. */
static bool is_fine(enum observer_queue_state state)
{
    return state == OBSERVER_QUEUE_STARTING || state == OBSERVER_QUEUE_WORKING;
}

static void leave(struct observer *observer, struct observer_server *server,
                  enum observer_queue_state state)
{
    assert(server->sums.queue_counts[state] > 0);
    server->sums.queue_counts[state]--;
    observer->sums.queue_counts[state]--;
    if (is_fine(state) && server->state != OBSERVER_SERVER_UP) {
        observer->untried_count--;
    }
}

static void enter(struct observer *observer, struct observer_server *server,
                  enum observer_queue_state state)
{
    server->sums.queue_counts[state]++;
    observer->sums.queue_counts[state]++;
    if (is_fine(state) && server->state != OBSERVER_SERVER_UP) {
        observer->untried_count++;
    }
}

void observer_sum_state(struct observer *observer,
                        struct observer_server *server,
                        enum observer_queue_state from,
                        enum observer_queue_state to)
{
    if (from != OBSERVER_QUEUE_STATE_COUNT) {
        leave(observer, server, from);
    }
    if (to != OBSERVER_QUEUE_STATE_COUNT) {
        enter(observer, server, to);
    }
}

static size_t fine_count(const struct observer_server *server)
{
    return server->sums.queue_counts[OBSERVER_QUEUE_STARTING] +
           server->sums.queue_counts[OBSERVER_QUEUE_WORKING];
}

size_t observer_untried_count(const struct observer_server *server)
{
    return server->state == OBSERVER_SERVER_UP ? 0 : fine_count(server);
}

void observer_sum_server(struct observer *observer,
                         const struct observer_server *server,
                         enum observer_server_state from,
                         enum observer_server_state to)
{
    size_t fine = fine_count(server);
    if (from != OBSERVER_SERVER_STATE_COUNT) {
        observer->server_counts[from]--;
        observer->untried_count -= from == OBSERVER_SERVER_UP ? 0 : fine;
    }
    if (to != OBSERVER_SERVER_STATE_COUNT) {
        observer->server_counts[to]++;
        observer->untried_count += to == OBSERVER_SERVER_UP ? 0 : fine;
    }
}

/* What queues do */

void observer_sum_failure(struct observer *observer,
                          struct observer_server *server,
                          enum failure_class class)
{
    server->sums.failures[class]++;
    observer->sums.failures[class]++;
}

void observer_queue_unread(struct observer *observer,
                           const struct observer_place *place,
                           uint32_t unread_count)
{
    struct observer_sums *sums = &place->server->sums;
    sums->unread_count += unread_count - (uint64_t)place->queue->unread_count;
    observer->sums.unread_count +=
        unread_count - (uint64_t)place->queue->unread_count;
    place->queue->unread_count = unread_count;
}

void observer_fetched(struct observer *observer, struct observer_server *server,
                      size_t message_count)
{
    server->sums.batch_count++;
    server->sums.message_count += message_count;
    observer->sums.batch_count++;
    observer->sums.message_count += message_count;
}

void observer_stored(struct observer *observer, struct observer_server *server,
                     size_t stored_count, size_t repeat_count)
{
    server->sums.stored_count += stored_count;
    server->sums.repeat_count += repeat_count;
    observer->sums.stored_count += stored_count;
    observer->sums.repeat_count += repeat_count;
}

void observer_resent(struct observer *observer, struct observer_server *server)
{
    server->sums.resend_count++;
    observer->sums.resend_count++;
}

void observer_marked(struct observer *observer, struct observer_server *server,
                     size_t message_count)
{
    server->sums.marked_batch_count += message_count > 0;
    server->sums.marked_message_count += message_count;
    observer->sums.marked_batch_count += message_count > 0;
    observer->sums.marked_message_count += message_count;
}
