#include "daemon/gather/key_patrol.h"

#include <stdio.h>

#include "daemon/gather/gather_key.h"
#include "daemon/log/log.h"

/* What one step has found. Many queues may share a key. */
struct findings {
    struct gather_key_look look;     /* at the newest key */
    size_t new_count;                /* keys that are used now */
    size_t bad_count;                /* keys that cannot be used */
    char new_name[GATHER_NAME_SIZE]; /* the first of the queues */
    char bad_name[GATHER_NAME_SIZE]; /* likewise */
    char why[HAPLO_TEXT_SIZE_MAX];   /* of bad_name */
};

static void look_at(struct gather_queue *queue, struct findings *findings)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "out of memory";
    if (queue->queue == NULL || queue->config->key->path == NULL ||
        !gather_key_look(&findings->look, queue)) {
        return;
    }
    if (gather_key_replace(queue, why, sizeof why) == 0) {
        if (findings->new_count++ == 0) {
            gather_queue_name(queue, findings->new_name);
        }
    } else if (findings->bad_count++ == 0) {
        gather_queue_name(queue, findings->bad_name);
        snprintf(findings->why, sizeof findings->why, "%s", why);
    }
}

static void tell(const struct findings *findings)
{
    if (findings->new_count > 0) {
        log_line(LOG_LEVEL_INFO,
                 "%s: its API key has changed: using it (queues: %zu)",
                 findings->new_name, findings->new_count);
    }
    if (findings->bad_count > 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: its API key has changed, and the old one stays in use: "
                 "%s (queues: %zu)",
                 findings->bad_name, findings->why, findings->bad_count);
    }
}

/* The next queue, or NULL at the end of each round. Only cursors are kept,
 * since servers and queues may be removed. */
static struct gather_queue *next_queue(struct key_patrol *patrol)
{
    for (;;) {
        size_t cursor = patrol->server_cursor;
        const struct gather_server *server =
            name_table_next(&patrol->gather->servers, &cursor);
        if (server == NULL) {
            patrol->server_cursor = 0;
            return NULL;
        }
        struct gather_queue *queue =
            name_table_next(&server->queues, &patrol->queue_cursor);
        if (queue != NULL) {
            return queue;
        }
        patrol->server_cursor = cursor;
        patrol->queue_cursor = 0;
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct key_patrol *patrol = timer->data;
    struct findings findings = {0};
    size_t count = 1 + patrol->gather->queue_count / KEY_PATROL_STEP_COUNT;
    struct gather_queue *queue;
    while (count-- > 0 && (queue = next_queue(patrol)) != NULL) {
        look_at(queue, &findings);
    }
    tell(&findings);
}

void key_patrol_open(struct key_patrol *patrol, uv_loop_t *loop,
                     struct gather *gather)
{
    *patrol = (struct key_patrol){.gather = gather};
    uv_timer_init(loop, &patrol->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&patrol->timer);
    patrol->timer.data = patrol;
    uv_timer_start(&patrol->timer, on_timer, KEY_PATROL_STEP_MS,
                   KEY_PATROL_STEP_MS);
}

void key_patrol_close(struct key_patrol *patrol)
{
    uv_close((uv_handle_t *)&patrol->timer, NULL);
}
