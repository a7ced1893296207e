/*
 * sink.c - one group on its way:
 *
 *   - what waits is taken (group_start), and written after some time: in one
 *     step, or with an outlet in three (group_rows, group_out, group_commit);
 *   - back in the loop all are answered (group_done).
 *
 * Otherwise:
 *
 *   - the disk is full, the outlet out of reach, the commit fails: all of the
 *     group is rolled back and answered with RETRY, and epochs wait;
 *   - a batch will never be stored: it is left out, and answered with REJECT;
 *   - the process dies at any of the steps: the transaction is rolled back,
 *     and what the outlet has it has.
 */
#include "sink.h"

#include <assert.h>

#include "book.h"
#include "core/batch.h"
#include "gather.h"
#include "process.h"
#include "world.h"

#define CONFIRM_RETRY_MS 1000

static void group_start(struct world *world, void *subject, uint64_t life);

static struct world *world_of(const struct sink *sink)
{
    return sink->process->world;
}

/* What happens later happens to this process, or not at all. */
static void sink_later(struct sink *sink, uint64_t delay_ms, agenda_cb happen)
{
    world_at(world_of(sink), delay_ms, happen, sink, sink->process->life);
}

static void sink_kick(struct sink *sink)
{
    if (!sink->is_busy && !sink->is_kicked) {
        sink->is_kicked = true;
        sink_later(sink, 0, group_start);
    }
}

static uint64_t write_ms(struct sink *sink)
{
    struct world *world = world_of(sink);
    uint64_t longest_ms = sink->disk->is_slow ? 4000 : world->plan.write_ms_max;
    return dice_between(&world->dice, 0, longest_ms);
}

/* -- The end of a group --------------------------------------------------- */

static void confirm_retry(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    if (world_is_alive(world, life)) {
        sink->is_confirm_due = true;
        sink_kick(sink);
    }
}

static void settle_confirmed(struct sink *sink)
{
    struct sink_queue *queue;
    if (sink->group_failed && !TAILQ_EMPTY(&sink->group_confirmed)) {
        world_count(world_of(sink), SITUATION_EPOCH_NOT_STORED);
        sink->is_confirm_due = false;
        sink_later(sink, CONFIRM_RETRY_MS, confirm_retry);
    }
    while ((queue = TAILQ_FIRST(&sink->group_confirmed)) != NULL) {
        TAILQ_REMOVE(&sink->group_confirmed, queue, link);
        if (!sink->group_failed) {
            ledger_state_committed(&queue->ledger, queue->writing_epoch);
        }
        queue->is_listed = ledger_state_is_ahead(&queue->ledger);
        if (queue->is_listed) {
            TAILQ_INSERT_TAIL(&sink->confirmed, queue, link);
        }
    }
}

static void note_stored(struct delivery *delivery)
{
    if (delivery->verdict == VERDICT_ACCEPT) {
        ledger_state_stored(&delivery->queue->ledger, delivery->batch->epoch,
                            delivery->queue->writing_leftovers);
    }
}

static void group_done(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    struct delivery *delivery;
    if (!world_is_alive(world, life)) {
        return;
    }
    if (!sink->group_failed) {
        TAILQ_FOREACH (delivery, &sink->group, link) {
            note_stored(delivery);
        }
    }
    settle_confirmed(sink);
    while ((delivery = TAILQ_FIRST(&sink->group)) != NULL) {
        TAILQ_REMOVE(&sink->group, delivery, link);
        if (sink->group_failed && delivery->verdict == VERDICT_ACCEPT) {
            delivery->verdict = VERDICT_RETRY;
        }
        gather_delivered(delivery);
        world_crash_point(world, CRASH_AFTER_ACCEPT);
    }
    sink->is_busy = false;
    sink_kick(sink);
}

static void group_ends(struct sink *sink, bool has_failed)
{
    sink->group_failed = has_failed;
    if (has_failed) {
        disk_rollback(sink->disk);
        world_count(world_of(sink), SITUATION_GROUP_FAILED);
    }
    sink_later(sink, dice_below(&world_of(sink)->dice, 2), group_done);
}

/* -- Writing -------------------------------------------------------------- */

/* What is set by ledger_add_batch() has no good value before it. */
static int write_delivery(struct sink *sink, struct delivery *delivery)
{
    struct sink_queue *queue = delivery->queue;
    struct ledger_batch batch = {
        .messages = delivery->batch->messages,
        .count = delivery->batch->message_count,
        .epoch = delivery->batch->epoch,
        .is_unconfirmed = queue->ledger.is_unconfirmed,
        .new_count = 1000000,
        .repeat_count = 1000000,
        .has_leftovers = true,
    };
    int error = 0;
    if (delivery->verdict == VERDICT_ACCEPT) {
        error = disk_add_batch(sink->disk, delivery->token, &batch,
                               delivery->confirm_number);
        queue->writing_leftovers = batch.has_leftovers;
    }
    return error;
}

static int write_rows(struct sink *sink)
{
    struct sink_queue *queue;
    struct delivery *delivery;
    int error = 0;
    disk_begin(sink->disk);
    TAILQ_FOREACH (queue, &sink->group_confirmed, link) {
        disk_raise_epoch(sink->disk, queue->remote, queue->writing_epoch,
                         queue->writing_number);
    }
    TAILQ_FOREACH (delivery, &sink->group, link) {
        if (error == 0) {
            error = write_delivery(sink, delivery);
        }
    }
    if (sink->disk->part_count > 1) {
        world_count(world_of(sink), SITUATION_GROUP_OF_SEVERAL);
    }
    return error;
}

static void commit(struct sink *sink)
{
    struct world *world = world_of(sink);
    bool is_of_epochs = TAILQ_EMPTY(&sink->group);
    disk_commit(sink->disk);
    world_crash_point(world, is_of_epochs ? CRASH_AFTER_EPOCH_COMMIT
                                          : CRASH_AFTER_COMMIT);
    group_ends(sink, false);
}

static bool commit_fails(struct sink *sink)
{
    struct world *world = world_of(sink);
    return !world->is_quiet &&
           dice_hit(&world->dice, world->plan.commit_fails_permille);
}

static void group_commit(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    if (!world_is_alive(world, life)) {
        return;
    }
    if (sink->disk->is_full || commit_fails(sink)) {
        world_count(world, SITUATION_LEDGER_FAILED);
        group_ends(sink, true);
        return;
    }
    commit(sink);
}

static void group_out(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    if (!world_is_alive(world, life)) {
        return;
    }
    if (sink->disk->is_out_of_reach) {
        group_ends(sink, true);
        return;
    }
    disk_send_out(sink->disk);
    world_crash_point(world, CRASH_AFTER_OUTLET);
    sink_later(sink, write_ms(sink), group_commit);
}

/* The transaction begins; without an outlet it is committed as well. */
static void group_rows(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    if (!world_is_alive(world, life)) {
        return;
    }
    if (sink->disk->is_full || write_rows(sink) != 0) {
        group_ends(sink, true);
        return;
    }
    world_crash_point(world, CRASH_BEFORE_COMMIT);
    if (sink->disk->has_outlet) {
        sink_later(sink, write_ms(sink), group_out);
    } else if (commit_fails(sink)) {
        group_ends(sink, true);
    } else {
        commit(sink);
    }
}

/* -- The start of a group ------------------------------------------------- */

static void take_deliveries(struct sink *sink)
{
    struct world *world = world_of(sink);
    struct delivery *delivery;
    unsigned left = world->plan.group_max;
    while (left-- > 0 && (delivery = TAILQ_FIRST(&sink->waiting)) != NULL) {
        TAILQ_REMOVE(&sink->waiting, delivery, link);
        TAILQ_INSERT_TAIL(&sink->group, delivery, link);
        delivery->verdict =
            !world->is_quiet &&
                    dice_hit(&world->dice, world->plan.reject_permille)
                ? VERDICT_REJECT
                : VERDICT_ACCEPT;
    }
}

static void take_confirmed(struct sink *sink)
{
    struct sink_queue *queue;
    unsigned left = world_of(sink)->plan.group_max;
    while (left > 0 && (queue = TAILQ_FIRST(&sink->confirmed)) != NULL) {
        TAILQ_REMOVE(&sink->confirmed, queue, link);
        if (!ledger_state_is_ahead(&queue->ledger)) {
            queue->is_listed = false; /* a delivery has stored it */
            continue;
        }
        queue->writing_epoch = queue->ledger.epoch;
        queue->writing_number = queue->confirm_number;
        TAILQ_INSERT_TAIL(&sink->group_confirmed, queue, link);
        left--;
    }
}

static bool group_take(struct sink *sink)
{
    take_deliveries(sink);
    if (!TAILQ_EMPTY(&sink->group) || sink->is_confirm_due) {
        take_confirmed(sink);
    }
    return !TAILQ_EMPTY(&sink->group) || !TAILQ_EMPTY(&sink->group_confirmed);
}

static void group_start(struct world *world, void *subject, uint64_t life)
{
    struct sink *sink = subject;
    if (!world_is_alive(world, life)) {
        return;
    }
    sink->is_kicked = false;
    if (group_take(sink)) {
        sink->is_busy = true;
        world_crash_point(world, CRASH_BEFORE_WRITE);
        sink_later(sink, write_ms(sink), group_rows);
    } else if (sink->is_closing) {
        gather_sink_closed(sink->process);
    }
}

/* -- What the process calls ----------------------------------------------- */

void sink_open(struct sink *sink, struct process *process, struct disk *disk)
{
    *sink = (struct sink){.process = process, .disk = disk};
    TAILQ_INIT(&sink->waiting);
    TAILQ_INIT(&sink->confirmed);
    TAILQ_INIT(&sink->group);
    TAILQ_INIT(&sink->group_confirmed);
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        struct remote_queue *remote = &process->world->queues[i];
        sink->queues[i].sink = sink;
        sink->queues[i].remote = remote;
        disk_read(disk, remote, &sink->queues[i].ledger);
    }
}

struct sink_queue *sink_queue_open(struct sink *sink,
                                   struct remote_queue *remote)
{
    struct sink_queue *queue = &sink->queues[remote->index];
    assert(!queue->is_open);
    queue->is_open = true;
    return queue;
}

void sink_queue_close(struct sink_queue *queue)
{
    assert(queue->is_open);
    queue->is_open = false;
}

void sink_deliver(struct sink *sink, struct delivery *delivery)
{
    assert(!sink->is_closing);
    delivery->confirm_number = delivery->queue->remote->confirm_number;
    TAILQ_INSERT_TAIL(&sink->waiting, delivery, link);
    sink_kick(sink);
}

void sink_confirmed(struct sink *sink, struct sink_queue *queue, uint64_t epoch)
{
    assert(!sink->is_closing);
    queue->confirm_number = book_told_sink(queue->remote);
    if (epoch > queue->ledger.epoch + 1) {
        world_count(world_of(sink), SITUATION_EPOCH_SKIPPED);
    }
    if (!ledger_state_confirmed(&queue->ledger, epoch)) {
        return;
    }
    sink->is_confirm_due = true;
    if (!queue->is_listed) {
        queue->is_listed = true;
        TAILQ_INSERT_TAIL(&sink->confirmed, queue, link);
    }
    sink_kick(sink);
}

void sink_close(struct sink *sink)
{
    assert(!sink->is_closing);
    sink->is_closing = true;
    sink->is_confirm_due = true;
    sink_kick(sink);
}
