/*
 * record_sink.c - group commit on the threadpool.
 *
 *   - deliver() and confirmed() put their work in a line and ask for a start;
 *   - in the loop's next turn the group is taken: all that waits, up to
 *     RECORD_GROUP_ROW_COUNT_MAX rows and RECORD_GROUP_BYTES_MAX bytes;
 *   - a worker thread writes the group (group_write.c): one fsync() of the
 *     record for the batches of all queues that came together;
 *   - back on the loop every delivery of the group is answered, and what came
 *     meanwhile is the next group. There is one group at a time.
 *
 * Failures:
 *
 *   - outage (lock, disk, file gone): the whole group is rolled back, every
 *     delivery in it is told SINK_RETRY with the reason;
 *   - doubt, or a message that can never be stored, in a group of several: it
 *     is rolled back and nobody is told yet; its deliveries go back to the
 *     head of the line and are written each alone, and the epochs after them,
 *     so that one cannot harm the others;
 *   - the same with a delivery alone: SINK_RETRY, or SINK_REJECT;
 *   - the outlet refuses a delivery: that one alone is told, with its reason;
 *   - an epoch is never given up before close(): it waits for the next group,
 *     or for CONFIRM_RETRY_MS if none comes;
 *   - close() while a group is written: what is in line is still written and
 *     answered; epochs are tried once more; then the record is closed,
 *     which checkpoints it, on the worker thread too.
 */
#include "sinks/record_sink.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/group_write.h"
#include "sinks/record_group.h"
#include "sinks/record_queue.h"
#include "sinks/sink_reason.h"

#define CONFIRM_RETRY_MS 1000

struct record_sink {
    struct sink base;                    /* name owned */
    struct sink_type type;               /* of base */
    struct record_store *store;          /* the worker's while busy */
    struct outlet *outlet;               /* the same; or NULL */
    uint64_t first_epoch;                /* of queues not on record */
    struct record_queue_set queues;      /* */
    struct record_delivery_list waiting; /* in line */
    struct record_queue_list confirmed;  /* epochs in line */
    struct record_group group;           /* being written */
    size_t alone_count;                  /* of waiting: to be written alone */
    bool busy;                           /* the worker has the store */
    bool confirm_due;       /* epochs may make a group by themselves */
    bool closing;           /* */
    unsigned handle_count;  /* open in the loop */
    sink_close_cb close_cb; /* */
    void *close_data;       /* */
    uv_idle_t start;        /* the next turn of the loop */
    uv_timer_t retry;       /* of epochs */
    uv_work_t work;         /* */
};

static struct record_sink *sink_of(struct sink *base)
{
    return (struct record_sink *)base;
}

static struct record_queue *queue_of(struct sink_queue *base)
{
    return (struct record_queue *)base;
}

/* -- Starting a group ----------------------------------------------------- */

static void group_start(uv_idle_t *handle);

/* An idle handle runs before the loop sleeps, whoever calls from where, and
 * leaves time for what the same turn still brings. */
static void sink_kick(struct record_sink *sink)
{
    int result;

    if (!sink->busy) {
        result = uv_idle_start(&sink->start, group_start);
        assert(result == 0);
        (void)result;
    }
}

static bool group_take(struct record_sink *sink)
{
    struct record_group *group = &sink->group;

    memset(group, 0, sizeof(*group));
    if (sink->alone_count > 0) {
        sink->alone_count--;
        record_group_take(group, &sink->waiting, 1);
        return true;
    }
    record_group_take(group, &sink->waiting, SIZE_MAX);
    if (group->part_count > 0 || sink->confirm_due) {
        record_group_take_confirmed(group, &sink->confirmed);
    }
    return group->part_count > 0;
}

/* -- On the worker thread ------------------------------------------------- */

static void group_work(uv_work_t *work)
{
    struct record_sink *sink = work->data;

    group_write(&sink->group, sink->store, sink->outlet);
}

static void store_close_work(uv_work_t *work)
{
    struct record_sink *sink = work->data;

    record_store_close(sink->store);
    if (sink->outlet != NULL) {
        sink->outlet->type->close(sink->outlet);
    }
}

/* -- Back on the loop ----------------------------------------------------- */

static void confirm_retry(uv_timer_t *timer)
{
    struct record_sink *sink = timer->data;

    sink->confirm_due = true;
    sink_kick(sink);
}

/* True if the fault may be one part's own, of several. */
static bool group_is_doubtful(const struct record_group *group)
{
    return group->part_count > 1 && group->deliveries.first != NULL &&
           (group->fault == RECORD_DOUBT || group->fault == RECORD_NEVER);
}

/* The epochs of the group are stored, or back in line. */
static void group_settle_confirmed(struct record_sink *sink)
{
    struct record_group *group = &sink->group;
    bool failed = !group->is_recorded;
    struct record_queue *queue;
    int result;

    if (failed && group->confirmed.first != NULL && !group_is_doubtful(group)) {
        sink->confirm_due = false;
        result =
            uv_timer_start(&sink->retry, confirm_retry, CONFIRM_RETRY_MS, 0);
        assert(result == 0);
        (void)result;
    }
    while ((queue = record_queue_shift(&group->confirmed)) != NULL) {
        if (!failed) {
            ledger_state_committed(&queue->base.ledger, queue->writing_epoch);
        }
        queue->is_listed = ledger_state_is_ahead(&queue->base.ledger);
        if (queue->is_listed) {
            record_queue_push(&sink->confirmed, queue);
        }
    }
}

static void group_note_epochs(const struct record_group *group)
{
    for (struct sink_delivery *delivery = group->deliveries.first;
         delivery != NULL; delivery = delivery->next) {
        ledger_state_stored(&delivery->queue->ledger,
                            haplo_batch_epoch(delivery->batch),
                            queue_of(delivery->queue)->writing_leftovers);
    }
}

static void group_answer(struct record_sink *sink)
{
    struct record_group *group = &sink->group;
    struct sink_delivery *delivery;
    enum sink_verdict verdict;
    const char *why;

    while ((delivery = record_delivery_shift(&group->deliveries)) != NULL) {
        why = sink->store->why;
        verdict = record_group_verdict(group, delivery, &why);
        assert(verdict != SINK_ACCEPT || sink->outlet == NULL ||
               delivery->out_count > 0 || delivery->stored_count == 0);
        if (verdict != SINK_ACCEPT) {
            delivery->stored_count = 0;
            delivery->repeat_count = 0;
        }
        if (!group->is_recorded) {
            ledger_state_doubted(&delivery->queue->ledger);
        }
        delivery->delivered_cb(delivery, verdict, why);
    }
}

/* Still busy while it answers: what the callbacks bring waits for the end. */
static void group_done(uv_work_t *work, int status)
{
    struct record_sink *sink = work->data;
    struct record_group *group = &sink->group;

    assert(status == 0);
    (void)status;
    if (group->is_recorded) {
        group_note_epochs(group);
    }
    group_settle_confirmed(sink);
    if (group_is_doubtful(group)) {
        assert(sink->alone_count == 0); /* its group has one part */
        sink->alone_count = record_group_return(group, &sink->waiting);
    } else {
        group_answer(sink);
    }
    record_group_free(group);
    sink->busy = false;
    sink_kick(sink);
}

/* -- The end -------------------------------------------------------------- */

static void sink_free(struct record_sink *sink)
{
    record_queue_set_free(&sink->queues);
    free((char *)sink->base.name);
    free(sink);
}

static void handle_closed(uv_handle_t *handle)
{
    struct record_sink *sink = handle->data;
    sink_close_cb close_cb = sink->close_cb;
    void *data = sink->close_data;

    sink->handle_count--;
    if (sink->handle_count > 0) {
        return;
    }
    sink_free(sink);
    if (close_cb != NULL) {
        close_cb(data);
    }
}

static void store_closed(uv_work_t *work, int status)
{
    struct record_sink *sink = work->data;

    assert(status == 0);
    (void)status;
    uv_close((uv_handle_t *)&sink->start, handle_closed);
    uv_close((uv_handle_t *)&sink->retry, handle_closed);
}

static void sink_queue_work(struct record_sink *sink, uv_work_cb work_cb,
                            uv_after_work_cb after_work_cb)
{
    int result =
        uv_queue_work(sink->start.loop, &sink->work, work_cb, after_work_cb);

    assert(result == 0);
    (void)result;
    sink->busy = true;
}

static void group_start(uv_idle_t *handle)
{
    struct record_sink *sink = handle->data;
    int result = uv_idle_stop(handle);

    assert(result == 0);
    (void)result;
    assert(!sink->busy);
    if (group_take(sink)) {
        sink_queue_work(sink, group_work, group_done);
    } else if (sink->closing) {
        sink_queue_work(sink, store_close_work, store_closed);
    }
}

static void sink_close_start(struct sink *base, sink_close_cb close_cb,
                             void *data)
{
    struct record_sink *sink = sink_of(base);

    assert(!sink->closing);
    sink->closing = true;
    sink->close_cb = close_cb;
    sink->close_data = data;
    sink->confirm_due = true;
    sink_kick(sink);
}

/* -- Queues --------------------------------------------------------------- */

static int queue_open(struct sink *base, const char *server,
                      const char *queue_name, struct sink_queue **out,
                      char *why, size_t why_size)
{
    struct record_sink *sink = sink_of(base);
    struct record_queue *queue;

    *out = NULL;
    if (server[0] == '\0' || queue_name[0] == '\0') {
        sink_reason(why, why_size, "a server and a queue need names");
        return HAPLO_EINVAL;
    }
    queue = record_queue_get(&sink->queues, base, server, queue_name);
    if (queue == NULL) {
        sink_reason(why, why_size, "%s/%s: out of memory", server, queue_name);
        return HAPLO_ENOMEM;
    }
    if (queue->is_open) {
        sink_reason(why, why_size, "%s/%s: open already", server, queue_name);
        return HAPLO_EEXIST;
    }
    if (!queue->is_known) {
        queue->is_known = true;
        ledger_state_read(&queue->base.ledger, sink->first_epoch, false);
    }
    queue->is_open = true;
    *out = &queue->base;
    return 0;
}

static void queue_close(struct sink_queue *base)
{
    struct record_queue *queue = queue_of(base);

    assert(queue->is_open);
    queue->is_open = false;
}

static void deliver(struct sink *base, struct sink_delivery *delivery)
{
    struct record_sink *sink = sink_of(base);

    assert(!sink->closing);
    assert(delivery->queue->sink == base);
    assert(queue_of(delivery->queue)->is_open);
    delivery->stored_count = 0;
    delivery->repeat_count = 0;
    delivery->out_count = 0;
    record_delivery_push(&sink->waiting, delivery);
    sink_kick(sink);
}

static void confirmed(struct sink *base, struct sink_queue *base_queue,
                      uint64_t epoch)
{
    struct record_sink *sink = sink_of(base);
    struct record_queue *queue = queue_of(base_queue);

    assert(!sink->closing);
    assert(base_queue->sink == base);
    if (!ledger_state_confirmed(&base_queue->ledger, epoch)) {
        return;
    }
    sink->confirm_due = true;
    if (!queue->is_listed) {
        queue->is_listed = true;
        record_queue_push(&sink->confirmed, queue);
    }
    sink_kick(sink);
}

/* -- Opening -------------------------------------------------------------- */

static int queue_known(void *data, const char *server, const char *queue_name,
                       uint64_t epoch, bool is_unconfirmed)
{
    struct record_sink *sink = data;
    struct record_queue *queue =
        record_queue_get(&sink->queues, &sink->base, server, queue_name);

    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    queue->is_known = true;
    ledger_state_read(&queue->base.ledger, epoch, is_unconfirmed);
    return 0;
}

static void sink_init_handles(struct record_sink *sink, uv_loop_t *loop)
{
    int result = uv_idle_init(loop, &sink->start);

    assert(result == 0);
    result = uv_timer_init(loop, &sink->retry);
    assert(result == 0);
    (void)result;
    sink->start.data = sink;
    sink->retry.data = sink;
    sink->work.data = sink;
    sink->handle_count = 2;
}

static const struct sink_type type = {
    .queue_open = queue_open,
    .queue_close = queue_close,
    .deliver = deliver,
    .confirmed = confirmed,
    .close = sink_close_start,
};

static struct record_sink *sink_new(const struct record_sink_options *options)
{
    struct record_sink *sink = calloc(1, sizeof(*sink));

    if (sink == NULL) {
        return NULL;
    }
    sink->base.name = strdup(options->name);
    if (sink->base.name == NULL) {
        free(sink);
        return NULL;
    }
    sink->type = type;
    sink->type.name = options->type_name;
    sink->base.type = &sink->type;
    sink->outlet = options->outlet;
    sink->first_epoch = options->first_epoch;
    return sink;
}

int record_sink_open(uv_loop_t *loop, const struct record_sink_options *options,
                     struct sink **out, char *why, size_t why_size)
{
    struct record_sink *sink = sink_new(options);
    int result;

    *out = NULL;
    if (sink == NULL) {
        sink_reason(why, why_size, "%s: out of memory", options->path);
        return HAPLO_ENOMEM;
    }
    result = record_store_open(options->kind, options->path, &sink->store, why,
                               why_size);
    if (result == 0) {
        result = record_store_each_queue(sink->store, queue_known, sink, why,
                                         why_size);
        if (result != 0) {
            record_store_close(sink->store);
        }
    }
    if (result != 0) {
        sink_free(sink);
        return result;
    }
    sink_init_handles(sink, loop);
    *out = &sink->base;
    return 0;
}
