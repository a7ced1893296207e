/*
 * null_sink.c - a sink that drops its messages. Linked in the place of
 * src/sinks/sqlite.c it makes a haplo-poll that is whole but for the storing:
 * what the daemon costs without a disk. It keeps the sink's contract: answers
 * come from the loop, in order, and epochs go up.
 */
#include <stdlib.h>
#include <string.h>

#include "sinks/sqlite.h"

struct null_queue {
    struct sink_queue base;  /* names owned */
    struct null_queue *next; /* in the sink's list */
};

struct null_sink {
    struct sink base;            /* name owned */
    struct null_queue *queues;   /* owned */
    struct sink_delivery *first; /* to be answered, in order */
    struct sink_delivery *last;
    uv_idle_t answer; /* answers in the next loop iteration */
    sink_close_cb close_cb;
    void *close_data;
};

static struct null_sink *sink_of(struct sink *base)
{
    return (struct null_sink *)base;
}

static int queue_open(struct sink *base, const char *server, const char *name,
                      struct sink_queue **out, char *why, size_t why_size)
{
    struct null_sink *sink = sink_of(base);
    struct null_queue *queue = calloc(1, sizeof *queue);
    *out = NULL;
    (void)why;
    (void)why_size;
    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    queue->base.sink = base;
    queue->base.server = strdup(server);
    queue->base.queue = strdup(name);
    queue->next = sink->queues;
    sink->queues = queue;
    *out = &queue->base;
    return 0;
}

static void queue_close(struct sink_queue *queue)
{
    (void)queue;
}

static void answer_all(uv_idle_t *handle)
{
    struct null_sink *sink = handle->data;
    struct sink_delivery *delivery = sink->first;
    (void)uv_idle_stop(handle);
    sink->first = NULL;
    while (delivery != NULL) {
        struct sink_delivery *next = delivery->next;
        delivery->stored_count = haplo_batch_message_count(delivery->batch);
        delivery->repeat_count = 0;
        delivery->delivered_cb(delivery, SINK_ACCEPT, "");
        delivery = next;
    }
}

static void deliver(struct sink *base, struct sink_delivery *delivery)
{
    struct null_sink *sink = sink_of(base);
    delivery->next = NULL;
    if (sink->first == NULL) {
        sink->first = delivery;
        (void)uv_idle_start(&sink->answer, answer_all);
    } else {
        sink->last->next = delivery;
    }
    sink->last = delivery;
}

static void confirmed(struct sink *base, struct sink_queue *queue,
                      uint64_t epoch)
{
    (void)base;
    (void)ledger_state_confirmed(&queue->ledger, epoch);
}

static void on_closed(uv_handle_t *handle)
{
    struct null_sink *sink = handle->data;
    sink_close_cb close_cb = sink->close_cb;
    void *data = sink->close_data;
    while (sink->queues != NULL) {
        struct null_queue *queue = sink->queues;
        sink->queues = queue->next;
        free((char *)queue->base.server);
        free((char *)queue->base.queue);
        free(queue);
    }
    free((char *)sink->base.name);
    free(sink);
    close_cb(data);
}

static void sink_close(struct sink *base, sink_close_cb close_cb, void *data)
{
    struct null_sink *sink = sink_of(base);
    sink->close_cb = close_cb;
    sink->close_data = data;
    answer_all(&sink->answer);
    uv_close((uv_handle_t *)&sink->answer, on_closed);
}

static const struct sink_type null_type = {
    .name = "sqlite", /* whose place it takes */
    .queue_open = queue_open,
    .queue_close = queue_close,
    .deliver = deliver,
    .confirmed = confirmed,
    .close = sink_close,
};

int sqlite_sink_open(uv_loop_t *loop, const char *name, const char *path,
                     struct sink **out, char *why, size_t why_size)
{
    struct null_sink *sink = calloc(1, sizeof *sink);
    (void)path;
    (void)why;
    (void)why_size;
    *out = NULL;
    if (sink == NULL || uv_idle_init(loop, &sink->answer) != 0) {
        free(sink);
        return HAPLO_ENOMEM;
    }
    sink->base.type = &null_type;
    sink->base.name = strdup(name);
    sink->answer.data = sink;
    *out = &sink->base;
    return 0;
}
