#include "sim/queue.h"

#include <stdlib.h>
#include <string.h>

#include "sim/app.h"
#include "sim/memory.h"

#define DATE_FIRST_S 1767225600 /* 2026-01-01T00:00:00Z */

struct sim_queue *sim_queue_new(struct sim_app *app, const char *name,
                                const struct sim_settings *settings)
{
    struct sim_queue *queue = sim_new(sizeof *queue);
    strncpy(queue->name, name, sizeof queue->name - 1);
    queue->app = app;
    queue->settings = *settings;
    queue->date_last_s = DATE_FIRST_S;
    queue->random = sim_random_named(settings->seed, app->name, name, 0);
    return queue;
}

void sim_queue_free(struct sim_queue *queue)
{
    for (size_t i = 0; i < queue->message_count; i++) {
        sim_message_free(queue->messages[i]);
    }
    free(queue->messages);
    free(queue->batch);
    free(queue);
}

void sim_queue_add(struct sim_queue *queue, struct sim_message *message)
{
    sim_reserve((void **)&queue->messages, &queue->message_capacity,
                queue->message_count + 1, sizeof(struct sim_message *));
    size_t at = queue->message_count;
    while (at > 0 && queue->messages[at - 1]->date_s > message->date_s) {
        at--;
    }
    memmove(&queue->messages[at + 1], &queue->messages[at],
            (queue->message_count - at) * sizeof(struct sim_message *));
    queue->messages[at] = message;
    queue->message_count++;
    queue->unread_count++;
    message->queue = queue;
    if (at < queue->unread_first) {
        queue->unread_first = at;
    }
}

int64_t sim_queue_next_date(struct sim_queue *queue)
{
    if (queue->date_used >= queue->settings.ties) {
        queue->date_last_s++;
        queue->date_used = 0;
    }
    queue->date_used++;
    return queue->date_last_s;
}

static void batch_add(struct sim_queue *queue, struct sim_message *message)
{
    sim_reserve((void **)&queue->batch, &queue->batch_capacity,
                queue->batch_count + 1, sizeof(struct sim_message *));
    queue->batch[queue->batch_count++] = message;
}

/* Collects the oldest unread messages. With `shuffle`, also all that have the
 * same date as the last of them, to choose from. */
static void batch_collect(struct sim_queue *queue, size_t limit)
{
    queue->batch_count = 0;
    size_t i = queue->unread_first;
    while (i < queue->message_count && queue->messages[i]->sent) {
        i++;
    }
    queue->unread_first = i;
    for (; i < queue->message_count; i++) {
        struct sim_message *message = queue->messages[i];
        size_t count = queue->batch_count;
        if (count >= limit &&
            (!queue->settings.shuffle ||
             queue->batch[count - 1]->date_s != message->date_s)) {
            break;
        }
        if (!message->sent) {
            batch_add(queue, message);
        }
    }
}

static void batch_shuffle(struct sim_queue *queue, size_t start, size_t end)
{
    for (size_t i = end; i > start + 1; i--) {
        size_t other =
            start + (size_t)sim_random_below(&queue->random, i - start);
        struct sim_message *swap = queue->batch[i - 1];
        queue->batch[i - 1] = queue->batch[other];
        queue->batch[other] = swap;
    }
}

/* The order of messages with the same date is undefined and may differ between
 * two fetches. */
static void batch_shuffle_ties(struct sim_queue *queue)
{
    size_t start = 0;
    for (size_t i = 1; i <= queue->batch_count; i++) {
        if (i == queue->batch_count ||
            queue->batch[i]->date_s != queue->batch[start]->date_s) {
            batch_shuffle(queue, start, i);
            start = i;
        }
    }
}

static int message_compare(const void *a, const void *b)
{
    const struct sim_message *left = *(struct sim_message *const *)a;
    const struct sim_message *right = *(struct sim_message *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

void sim_queue_fetch(struct sim_queue *queue, int64_t now_ms)
{
    bool unlimited = queue->app->settings.revision == SIM_REVISION_2019;
    size_t limit = unlimited ? SIZE_MAX : (size_t)queue->app->settings.limit;
    batch_collect(queue, limit);
    if (unlimited && queue->batch_count > 0) {
        qsort(queue->batch, queue->batch_count, sizeof(struct sim_message *),
              message_compare);
    } else if (queue->settings.shuffle) {
        batch_shuffle_ties(queue);
    }
    if (queue->batch_count > limit) {
        queue->batch_count = limit;
    }
    queue->fetch_count++;
    queue->fetch_nonempty_count += queue->batch_count > 0;
    queue->returned_count += queue->batch_count;
    for (size_t i = 0; i < queue->batch_count; i++) {
        struct sim_message *message = queue->batch[i];
        if (message->returned_count++ == 0) {
            message->returned_first_ms = now_ms;
        }
        message->returned_last_ms = now_ms;
    }
}

bool sim_queue_mark(struct sim_queue *queue, struct sim_message *message,
                    int64_t now_ms)
{
    if (message == NULL || message->queue != queue || message->sent) {
        return false;
    }
    message->sent = true;
    if (message->marked_count++ == 0) {
        message->marked_first_ms = now_ms;
    }
    message->marked_last_ms = now_ms;
    queue->marked_count++;
    queue->unread_count--;
    return true;
}

bool sim_queue_unsend(struct sim_queue *queue, struct sim_message *message)
{
    if (message->queue != queue || !message->sent) {
        return false;
    }
    message->sent = false;
    message->unsent_count++;
    queue->unread_count++;
    queue->unread_first = 0;
    return true;
}
