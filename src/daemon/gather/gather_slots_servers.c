/*
 * gather_slots_servers.c - what is done with the servers of one slot.
 */
#include "daemon/gather/gather_slots_private.h"

#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_queues.h"
#include "daemon/observe/observer_feed.h"

void slot_withdraw(struct slot *slot)
{
    struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        struct gather_queue *queue;
        size_t cursor = 0;
        server->is_own = false;
        gather_holds_end(server);
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            if (queue->queue != NULL) {
                gather_queue_leave_poller(queue);
            } else {
                observer_feed_elsewhere(queue);
            }
        }
    }
}

/* Whether a reload is changing the server or one of its queues, or a queue is
 * still in the poller. */
static bool is_in_use(const struct gather_server *server)
{
    const struct gather_queue *queue;
    size_t cursor = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        if (queue->queue != NULL || queue->is_changing) {
            return true;
        }
    }
    return server->is_changing;
}

bool slot_is_in_use(const struct slot *slot)
{
    const struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        if (is_in_use(server)) {
            return true;
        }
    }
    return false;
}

void slot_give_up(const struct slot *slot)
{
    const struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        const struct gather_queue *queue;
        size_t cursor = 0;
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            if (queue->queue != NULL) {
                haplo_queue_give_up(queue->queue);
            }
        }
    }
}

bool slot_has_settled(const struct slot *slot)
{
    const struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        const struct gather_queue *queue;
        size_t cursor = 0;
        while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
            if (queue->stored != NULL &&
                !inbox_queue_is_settled(queue->stored)) {
                return false;
            }
        }
    }
    return true;
}

bool slot_leave_poller(const struct slot *slot)
{
    struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        if (server->server != NULL) {
            if (haplo_server_remove(server->server) != 0) {
                return false;
            }
            server->server = NULL;
        }
        observer_feed_server_move(server, true);
    }
    return true;
}

int slot_add_servers(struct slot *slot, size_t *queues_left)
{
    struct gather_server *server;
    LIST_FOREACH (server, &slot->servers, slot_link) {
        if (server->is_own) {
            continue;
        }
        if (*queues_left == 0 || is_in_use(server)) {
            return HAPLO_EBUSY;
        }
        server->is_own = true;
        observer_feed_server_move(server, false);
        if (gather_queues_enter(server) != 0) {
            return HAPLO_ENOMEM;
        }
        *queues_left -= server->queues.count < *queues_left
                            ? server->queues.count
                            : *queues_left;
    }
    return 0;
}
