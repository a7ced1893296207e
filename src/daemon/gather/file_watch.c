#include "daemon/gather/file_watch.h"

#include "daemon/gather/gather_holds.h"
#include "daemon/gather/gather_key.h"

static bool is_refused(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue->queue == NULL) {
        return false; /* held */
    }
    haplo_queue_get_stats(queue->queue, &stats);
    return stats.state == HAPLO_QUEUE_REFUSED;
}

/* Returns the number of keys that the server refuses. */
static size_t look_at(const struct gather_server *server)
{
    struct gather_queue *queue;
    size_t cursor = 0;
    size_t count = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        if (is_refused(queue)) {
            count++;
            if (gather_key_has_changed(queue)) {
                gather_key_reread(queue);
            }
        } else if (queue->queue != NULL && gather_key_was_printed(queue)) {
            gather_key_reread(queue);
        }
    }
    return count;
}

static void on_timer(uv_timer_t *timer)
{
    const struct file_watch *watch = timer->data;
    const struct gather_server *server;
    size_t cursor = 0;
    size_t count = 0;
    bool is_any_held = gather_holds_retry(watch->gather);
    while ((server = name_table_next(&watch->gather->servers, &cursor))) {
        count += look_at(server);
    }
    if (!is_any_held && count == 0) {
        uv_timer_stop(timer);
    }
}

void file_watch_init(struct file_watch *watch, uv_loop_t *loop,
                     struct gather *gather)
{
    watch->gather = gather;
    uv_timer_init(loop, &watch->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&watch->timer);
    watch->timer.data = watch;
}

void file_watch_start(struct file_watch *watch)
{
    if (!uv_is_active((uv_handle_t *)&watch->timer)) {
        uv_timer_start(&watch->timer, on_timer, FILE_WATCH_INTERVAL_MS,
                       FILE_WATCH_INTERVAL_MS);
    }
}

void file_watch_soon(struct file_watch *watch)
{
    if (!uv_is_active((uv_handle_t *)&watch->timer) ||
        uv_timer_get_due_in(&watch->timer) > FILE_WATCH_SOON_MS) {
        uv_timer_start(&watch->timer, on_timer, FILE_WATCH_SOON_MS,
                       FILE_WATCH_INTERVAL_MS);
    }
}

void file_watch_close(struct file_watch *watch)
{
    uv_close((uv_handle_t *)&watch->timer, NULL);
}
