#include "daemon/gather/poll_all.h"

#include "daemon/log/log.h"

static void look_at(struct poll_all *all, const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue->queue == NULL) {
        return; /* held */
    }
    haplo_queue_get_stats(queue->queue, &stats);
    if (stats.state == HAPLO_QUEUE_IDLE || stats.state == HAPLO_QUEUE_BACKOFF) {
        haplo_queue_poll_now(queue->queue);
        all->due_count++;
    }
}

/* Looks at up to *left queues of the server. True if that were all. */
static bool look_at_server(struct poll_all *all,
                           const struct gather_server *server, size_t *left)
{
    while (*left > 0) {
        const struct gather_queue *queue =
            name_table_next(&server->queues, &all->queue_cursor);
        if (queue == NULL) {
            return true;
        }
        --*left;
        look_at(all, queue);
    }
    return false;
}

/* Only cursors are kept from turn to turn, since a server may be removed. */
static void on_turn(uv_idle_t *idle)
{
    struct poll_all *all = idle->data;
    size_t left = POLL_ALL_STEP_COUNT;
    while (left > 0) {
        size_t cursor = all->server_cursor;
        const struct gather_server *server =
            name_table_next(&all->gather->servers, &cursor);
        if (server == NULL) {
            uv_idle_stop(idle);
            log_line(LOG_LEVEL_INFO, "polling now; queues: %zu",
                     all->due_count);
            return;
        }
        if (look_at_server(all, server, &left)) {
            all->server_cursor = cursor;
            all->queue_cursor = 0;
        }
    }
}

void poll_all_init(struct poll_all *all, uv_loop_t *loop, struct gather *gather)
{
    *all = (struct poll_all){.gather = gather};
    uv_idle_init(loop, &all->idle); /* cannot fail */
    all->idle.data = all;
}

void poll_all_start(struct poll_all *all)
{
    all->server_cursor = 0;
    all->queue_cursor = 0;
    all->due_count = 0;
    uv_idle_start(&all->idle, on_turn); /* cannot fail */
}

void poll_all_close(struct poll_all *all)
{
    uv_close((uv_handle_t *)&all->idle, NULL);
}
