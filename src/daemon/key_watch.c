#include "daemon/key_watch.h"

static bool is_refused(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_stats(queue->queue, &stats);
    return stats.state == HAPLO_QUEUE_REFUSED;
}

static void on_timer(uv_timer_t *timer)
{
    struct key_watch *watch = timer->data;
    size_t refused_count = 0;
    for (size_t i = 0; i < watch->gather->queue_count; i++) {
        struct gather_queue *queue = &watch->gather->queues[i];
        if (!is_refused(queue)) {
            continue;
        }
        refused_count++;
        if (gather_key_has_changed(queue)) {
            gather_reread_key(queue);
        }
    }
    if (refused_count == 0) {
        uv_timer_stop(timer);
    }
}

void key_watch_init(struct key_watch *watch, uv_loop_t *loop,
                    struct gather *gather)
{
    watch->gather = gather;
    uv_timer_init(loop, &watch->timer); /* has no way to fail */
    uv_unref((uv_handle_t *)&watch->timer);
    watch->timer.data = watch;
}

void key_watch_start(struct key_watch *watch)
{
    if (!uv_is_active((uv_handle_t *)&watch->timer)) {
        uv_timer_start(&watch->timer, on_timer, KEY_WATCH_INTERVAL_MS,
                       KEY_WATCH_INTERVAL_MS);
    }
}

void key_watch_close(struct key_watch *watch)
{
    uv_close((uv_handle_t *)&watch->timer, NULL);
}
