/*
 * metrics_queue.c - metrics of single queues, which are many.
 */
#include "daemon/admin/metrics.h"
#include "daemon/observe/observer.h"

#define WRITE(name) \
    static void name(struct metric_writer *w, const void *object)

/* Queues */

#define QUEUE ((const struct gather_queue *)object)

static struct haplo_queue_stats queue_stats(const void *object)
{
    const struct gather_queue *queue = object;
    struct haplo_queue_stats stats = {.struct_size = sizeof stats,
                                      .unread_count = -1};
    if (queue->queue != NULL) {
        haplo_queue_get_stats(queue->queue, &stats);
    }
    return stats;
}

WRITE(queue_up)
{
    metric_put(w, QUEUE->seen.state == OBSERVER_QUEUE_WORKING &&
                      w->server->seen.state == OBSERVER_SERVER_UP);
}

WRITE(queue_state)
{
    for (int i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        metric_put_label(w, "state",
                         observer_queue_label((enum observer_queue_state)i),
                         (int)QUEUE->seen.state == i);
    }
}

WRITE(queue_state_time)
{
    metric_put_time(w, QUEUE->seen.since_ms);
}

WRITE(queue_success_time)
{
    metric_put_time(w, QUEUE->seen.success_ms);
}

WRITE(queue_unread)
{
    int64_t unread = queue_stats(object).unread_count;
    if (unread >= 0) {
        metric_put(w, (double)unread);
    }
}

WRITE(queue_unconfirmed)
{
    metric_put_count(w, queue_stats(object).unconfirmed_count);
}

WRITE(queue_fetches)
{
    metric_put_count(w, queue_stats(object).fetch_count);
}

WRITE(queue_batches)
{
    metric_put_count(w, queue_stats(object).batch_count);
}

WRITE(queue_messages)
{
    metric_put_count(w, queue_stats(object).message_count);
}

WRITE(queue_stored)
{
    metric_put_count(w, QUEUE->stored_count);
}

WRITE(queue_repeats)
{
    metric_put_count(w, QUEUE->repeat_count);
}

WRITE(queue_marked)
{
    metric_put_count(w, queue_stats(object).marked_message_count);
}

WRITE(queue_body_bytes)
{
    metric_put_count(w, queue_stats(object).body_bytes);
}

WRITE(queue_foreign_marks)
{
    metric_put_count(w, queue_stats(object).foreign_mark_count);
}

WRITE(queue_failures)
{
    const struct observer_trouble *trouble = QUEUE->seen.trouble;
    for (int i = 0; trouble != NULL && i < FAILURE_CLASS_COUNT; i++) {
        metric_put_label(w, "class", failure_class_label((enum failure_class)i),
                         trouble->failures[i]);
    }
}

#undef QUEUE

#define G METRIC_GAUGE
#define C METRIC_COUNTER
#define QUEUE METRIC_QUEUE, "server queue"

const struct metric metrics_of_queues[] = {
    {"queue_up", G, QUEUE, "1 if it is polled and its server is up", queue_up},
    {"queue_state", G, METRIC_QUEUE, "server queue state",
     "1 for the state it is in, otherwise 0", queue_state},
    {"queue_state_timestamp_seconds", G, QUEUE,
     "When it entered this state, Unix time", queue_state_time},
    {"queue_last_success_timestamp_seconds", G, QUEUE,
     "When it was last drained or marked, Unix time", queue_success_time},
    {"queue_unread_messages", G, QUEUE,
     "Messages left on the server after its last mark; absent if unknown",
     queue_unread},
    {"queue_unconfirmed_messages", G, QUEUE,
     "Messages stored, and not known to be marked", queue_unconfirmed},
    {"queue_fetches", C, QUEUE, "Fetches", queue_fetches},
    {"queue_batches", C, QUEUE, "Batches with messages", queue_batches},
    {"queue_messages", C, QUEUE, "Messages in these batches", queue_messages},
    {"queue_stored_messages", C, QUEUE, "Messages that were stored",
     queue_stored},
    {"queue_repeats", C, QUEUE,
     "Messages that came again before they were confirmed", queue_repeats},
    {"queue_marked_messages", C, QUEUE, "Messages whose mark was confirmed",
     queue_marked},
    {"queue_body_bytes", C, QUEUE, "Bodies that were fetched, decompressed",
     queue_body_bytes},
    {"queue_foreign_marks", C, QUEUE,
     "Marks in which another consumer had marked messages first",
     queue_foreign_marks},
    {"queue_failures", C, METRIC_QUEUE, "server queue class",
     "Fetches, deliveries and marks that failed, by class; absent before the "
     "first",
     queue_failures},
};

const size_t metrics_of_queues_count =
    sizeof metrics_of_queues / sizeof metrics_of_queues[0];
