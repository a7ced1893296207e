/*
 * group_commit.c - stores everything that arrives together in one transaction,
 * and so with one wait for the disk.
 *
 *   - deliver(), confirm() and advance() append their part to a list and
 *     schedule a start.
 *   - In the next iteration of the loop a group is formed: all waiting parts,
 *     up to GROUP_ROW_COUNT_MAX rows and GROUP_BYTES_MAX bytes.
 *   - The store writes the group in one transaction. It compares each state
 *     with the stored one, and stores those that may follow it.
 *   - Every part gets its result, and what has arrived in the meantime forms
 *     the next group. There is one group at a time.
 *
 * Failures:
 *
 *   - Outage (lock, disk, connection): the whole group was rolled back. Every
 *     delivery in it gets INBOX_RETRY with the reason.
 *   - Doubt: the same. A commit that did succeed is recognised by comparing
 *     states when the batch is delivered again.
 *   - One part prevents a group of several from being stored: no results are
 *     reported yet. The deliveries return to the head of the list and are
 *     written one at a time, so that the bad one cannot harm the others. The
 *     other parts follow.
 *   - The same for a single delivery: INBOX_RETRY or INBOX_REJECTED.
 *   - A state is stale: only that delivery fails. A stale confirmed state is
 *     dropped, because the next batch of its queue will find out.
 *   - The disk is nearly full: deliveries get INBOX_RETRY, all else is
 *     written.
 *   - The held bytes exceed the limit: INBOX_BEHIND, immediately.
 *   - A confirmed state was not stored: it waits for the next group, or for
 *     CONFIRM_RETRY_MS if there is none. It is tried once more before closing.
 *   - Progress, or a replaced state, was not stored: its owner is informed and
 *     tries again.
 */
#include "inbox/group_commit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/inbox_private.h"

#define CONFIRM_RETRY_MS 1000
#define NS_PER_US 1000

/* Starting a group */

static void on_start(uv_idle_t *handle);

/* An idle handle runs before the loop sleeps, wherever it is started from, and
 * leaves time for more parts from the same iteration. */
static void commit_kick(struct group_commit *commit)
{
    int result = uv_idle_start(&commit->start, on_start);

    assert(result == 0);
    (void)result;
}

static size_t delivery_rows(const struct inbox_delivery *delivery)
{
    return delivery->count + 2; /* the rows of queue and batch */
}

/* False if there is none, or it does not fit. */
static bool group_take_delivery(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_delivery *delivery = STAILQ_FIRST(&commit->waiting);

    if (delivery == NULL ||
        (group->part_count > 0 &&
         (group->row_count + delivery_rows(delivery) > GROUP_ROW_COUNT_MAX ||
          group->bytes + delivery->bytes > GROUP_BYTES_MAX))) {
        return false;
    }
    STAILQ_REMOVE_HEAD(&commit->waiting, link);
    STAILQ_INSERT_TAIL(&group->deliveries, delivery, link);
    group->row_count += delivery_rows(delivery);
    group->bytes += delivery->bytes;
    group->part_count++;
    return true;
}

static void group_take_confirms(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_confirm *confirm;

    for (size_t i = 0; i < GROUP_ROW_COUNT_MAX; i++) {
        confirm = STAILQ_FIRST(&commit->confirms.waiting);
        if (confirm == NULL) {
            break;
        }
        STAILQ_REMOVE_HEAD(&commit->confirms.waiting, link);
        STAILQ_INSERT_TAIL(&group->confirms, confirm, link);
        confirm->queue->confirm = NULL; /* a newer one may arrive */
        confirm->queue->is_confirming = true;
        group->part_count++;
    }
}

static void group_take_progress(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_progress *progress;

    while ((progress = STAILQ_FIRST(&commit->progress)) != NULL &&
           group->row_count < GROUP_ROW_COUNT_MAX) {
        STAILQ_REMOVE_HEAD(&commit->progress, link);
        STAILQ_INSERT_TAIL(&group->progress, progress, link);
        group->row_count += 1 + progress->deferred_count +
                            progress->settled_count + progress->position_count +
                            progress->dead_letter_count;
        group->part_count++;
    }
}

static void group_take_replaces(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_replace *replace;

    while ((replace = STAILQ_FIRST(&commit->replaces)) != NULL &&
           group->row_count < GROUP_ROW_COUNT_MAX) {
        STAILQ_REMOVE_HEAD(&commit->replaces, link);
        STAILQ_INSERT_TAIL(&group->replaces, replace, link);
        group->row_count++;
        group->part_count++;
    }
}

/* False if there is nothing to write. */
static bool group_take(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;

    memset(group, 0, sizeof(*group));
    STAILQ_INIT(&group->deliveries);
    STAILQ_INIT(&group->confirms);
    STAILQ_INIT(&group->replaces);
    STAILQ_INIT(&group->progress);
    if (commit->alone_count > 0) {
        commit->alone_count--;
        return group_take_delivery(commit);
    }
    while (group_take_delivery(commit)) {
    }
    group_take_replaces(commit);
    group_take_progress(commit);
    if (group->part_count > 0 || commit->is_confirm_due) {
        group_take_confirms(commit);
    }
    return group->part_count > 0;
}

/* Answers */

static void held_set(struct group_commit *commit, struct inbox_queue *queue,
                     size_t bytes)
{
    assert(commit->held_bytes >= queue->held_bytes);
    commit->held_bytes = commit->held_bytes - queue->held_bytes + bytes;
    queue->held_bytes = bytes;
}

static enum inbox_verdict delivery_verdict(
    const struct inbox_group *group, const struct inbox_delivery *delivery)
{
    switch (group->fault) {
    case INBOX_FINE:
        return delivery->compare == HAPLO_COMPARE_STALE ? INBOX_STALE
                                                        : INBOX_STORED;
    case INBOX_NEVER:
        return INBOX_REJECTED;
    default:
        return INBOX_RETRY;
    }
}

static void warn_of_mended(struct group_commit *commit,
                           const struct inbox_delivery *delivery)
{
    if (delivery->mended_count > 0) {
        inbox_warn(commit->inbox,
                   "%s/%s: %zu repeated messages were stored again because "
                   "their rows are missing or damaged: check the disk",
                   delivery->queue->server, delivery->queue->name,
                   delivery->mended_count);
    }
}

static void tell_stored(struct group_commit *commit,
                        const struct inbox_delivery *delivery)
{
    if (delivery->stored_count > 0) {
        warn_of_mended(commit, delivery);
        inbox_stored(commit->inbox, delivery->queue, delivery->last_arrival,
                     delivery->stored_count);
    }
}

/* Returns the delivery to its owner, through delivered_cb. */
static void delivery_answer(struct group_commit *commit,
                            struct inbox_delivery *delivery,
                            enum inbox_verdict verdict, const char *why)
{
    struct inbox_queue *queue = delivery->queue;

    if (verdict != INBOX_STORED) {
        delivery->stored_count = 0;
        delivery->repeat_count = 0;
    }
    if (verdict == INBOX_STORED) {
        queue->id = delivery->queue_id;
        (void)inbox_queue_keep_state(queue, delivery->state);
    } else if (verdict == INBOX_STALE) {
        queue->id = delivery->queue_id;
        inbox_queue_take_state(queue, delivery->stored);
    } else {
        free((char *)delivery->stored.data);
        delivery->stored = (struct haplo_slice){NULL, 0};
    }
    if (verdict != INBOX_RETRY) {
        held_set(commit, queue, 0); /* otherwise the poller keeps the batch */
    }
    tell_stored(commit, delivery);
    delivery->delivered_cb(delivery, verdict, why);
}

/* True if messages may have been stored of which this process was not told: by
 * a commit whose outcome is unknown, or by another process. */
static bool has_more_than_told(const struct inbox_group *group,
                               const struct inbox_delivery *delivery)
{
    return group->fault == INBOX_DOUBT ||
           (group->fault == INBOX_FINE &&
            delivery->compare != HAPLO_COMPARE_CURRENT);
}

/* What is stored is known again when something was compared with it. */
static void note_doubt(const struct inbox_group *group,
                       struct inbox_queue *queue)
{
    if (group->fault == INBOX_DOUBT) {
        queue->is_doubtful = true;
    } else if (group->fault == INBOX_FINE) {
        queue->is_doubtful = false;
    }
}

static void answer_deliveries(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_delivery *delivery;
    enum inbox_verdict verdict;
    bool has_more = false;

    while ((delivery = STAILQ_FIRST(&group->deliveries)) != NULL) {
        STAILQ_REMOVE_HEAD(&group->deliveries, link);
        has_more |= has_more_than_told(group, delivery);
        note_doubt(group, delivery->queue);
        verdict = delivery_verdict(group, delivery);
        delivery_answer(commit, delivery, verdict,
                        verdict == INBOX_STALE ? "a different state is stored"
                                               : group->why.text);
    }
    if (has_more) {
        inbox_stored(commit->inbox, NULL, 0, 0);
    }
}

static void answer_short(struct group_commit *commit)
{
    struct inbox_delivery_list waiting = STAILQ_HEAD_INITIALIZER(waiting);
    struct inbox_delivery *delivery;

    if (!commit->is_short) {
        return;
    }
    STAILQ_CONCAT(&waiting, &commit->waiting);
    commit->alone_count = 0;
    while ((delivery = STAILQ_FIRST(&waiting)) != NULL) {
        STAILQ_REMOVE_HEAD(&waiting, link);
        delivery_answer(commit, delivery, INBOX_RETRY, commit->short_why.text);
    }
}

static void answer_refused(struct group_commit *commit)
{
    struct inbox_delivery_list refused = STAILQ_HEAD_INITIALIZER(refused);
    struct inbox_delivery *delivery;
    struct reason why;

    STAILQ_CONCAT(&refused, &commit->refused);
    while ((delivery = STAILQ_FIRST(&refused)) != NULL) {
        STAILQ_REMOVE_HEAD(&refused, link);
        (void)reason_set(&why, 0,
                         "inbox %s is behind: the limit of %zu bytes that wait "
                         "to be stored is reached",
                         inbox_name(commit->inbox), commit->held_bytes);
        delivery_answer(commit, delivery, INBOX_BEHIND, why.text);
    }
}

static void answer_progress(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_progress *progress;

    while ((progress = STAILQ_FIRST(&group->progress)) != NULL) {
        STAILQ_REMOVE_HEAD(&group->progress, link);
        if (group->fault == INBOX_FINE) {
            progress->outlet->id = progress->outlet_id;
            progress->outlet->cursor = progress->stored_cursor;
            progress->outlet->is_new = false;
        }
        progress->progress_cb(progress,
                              group->fault == INBOX_FINE ? 0 : HAPLO_EDELIVERY,
                              group->why.text);
    }
}

static void replace_answer(const struct inbox_group *group,
                           struct inbox_replace *replace)
{
    struct inbox_queue *queue = replace->queue;
    struct haplo_slice stored = replace->stored;

    replace->stored = (struct haplo_slice){NULL, 0};
    note_doubt(group, queue);
    if (group->fault != INBOX_FINE) {
        free((char *)stored.data);
        replace->replaced_cb(replace, HAPLO_EDELIVERY, group->why.text);
    } else if (replace->compare == HAPLO_COMPARE_STALE) {
        queue->id = replace->queue_id;
        inbox_queue_take_state(queue, stored);
        replace->replaced_cb(replace, HAPLO_ESTALE,
                             "a different state is stored");
    } else {
        queue->id = replace->queue_id;
        (void)inbox_queue_keep_state(queue, replace->state);
        replace->replaced_cb(replace, 0, "");
    }
}

static void answer_replaces(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_replace *replace;

    while ((replace = STAILQ_FIRST(&group->replaces)) != NULL) {
        STAILQ_REMOVE_HEAD(&group->replaces, link);
        replace_answer(group, replace);
    }
}

/* The end of a group */

static void on_retry(uv_timer_t *timer)
{
    struct group_commit *commit = timer->data;

    commit->is_confirm_due = true;
    commit_kick(commit);
}

static void settle_confirms(struct group_commit *commit, bool is_split)
{
    bool is_left = group_confirms_settle(&commit->confirms, &commit->group);
    int result;

    if (is_left && !is_split) {
        commit->is_confirm_due = false;
        result = uv_timer_start(&commit->retry, on_retry, CONFIRM_RETRY_MS, 0);
        assert(result == 0);
        (void)result;
    }
}

/* True if one of several parts may be the cause of the failure. */
static bool group_is_to_be_split(const struct inbox_group *group)
{
    return group->part_count > 1 && !STAILQ_EMPTY(&group->deliveries) &&
           (group->fault == INBOX_PART || group->fault == INBOX_NEVER);
}

static void group_split(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    struct inbox_delivery *delivery;

    assert(commit->alone_count == 0); /* that group has one part */
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        free((char *)delivery->stored.data);
        delivery->stored = (struct haplo_slice){NULL, 0};
        commit->alone_count++;
    }
    STAILQ_CONCAT(&group->deliveries, &commit->waiting);
    STAILQ_CONCAT(&commit->waiting, &group->deliveries);
    STAILQ_CONCAT(&group->replaces, &commit->replaces);
    STAILQ_CONCAT(&commit->replaces, &group->replaces);
    STAILQ_CONCAT(&group->progress, &commit->progress);
    STAILQ_CONCAT(&commit->progress, &group->progress);
}

/* is_writing stays set while results are reported, so parts from callbacks
 * wait for the next group. Confirmed states come first, since they are older
 * than the deliveries. */
void group_commit_written(struct group_commit *commit)
{
    struct inbox_group *group = &commit->group;
    bool is_split = group_is_to_be_split(group);

    assert(commit->is_writing);
    inbox_committed(commit->inbox,
                    (uv_hrtime() - commit->write_began_ns) / NS_PER_US,
                    group->fault == INBOX_FINE);
    if (group->fault == INBOX_FINE) {
        group->why.text[0] = '\0';
    }
    settle_confirms(commit, is_split);
    if (is_split) {
        group_split(commit);
    } else {
        answer_deliveries(commit);
        answer_replaces(commit);
        answer_progress(commit);
    }
    commit->is_writing = false;
    commit_kick(commit);
}

static void on_start(uv_idle_t *handle)
{
    struct group_commit *commit = handle->data;
    int result = uv_idle_stop(handle);

    assert(result == 0);
    (void)result;
    answer_refused(commit);
    answer_short(commit);
    if (commit->is_writing) {
        return;
    }
    if (group_take(commit)) {
        commit->is_writing = true;
        commit->write_began_ns = uv_hrtime();
        commit->ops->write(commit->store, &commit->group);
    } else if (commit->is_finishing && STAILQ_EMPTY(&commit->refused)) {
        commit->is_finishing = false;
        group_confirms_free(&commit->confirms);
        inbox_commit_done(commit->inbox);
    }
}

/* New parts */

static size_t bytes_of(const struct haplo_message *messages, size_t count)
{
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += messages[i].body.size;
    }
    return bytes;
}

/* A batch that was told to retry has been counted already. At least one batch
 * is always accepted. */
static bool is_beyond_limit(const struct group_commit *commit,
                            const struct inbox_delivery *delivery)
{
    return commit->held_max > 0 && delivery->queue->held_bytes == 0 &&
           commit->held_bytes > 0 &&
           commit->held_bytes + delivery->bytes > commit->held_max;
}

void group_commit_deliver(struct group_commit *commit,
                          struct inbox_delivery *delivery)
{
    assert(!commit->is_finishing);
    delivery->messages = haplo_batch_messages(delivery->batch);
    delivery->count = haplo_batch_message_count(delivery->batch);
    delivery->new_count = haplo_batch_new_count(delivery->batch);
    delivery->state = haplo_batch_state(delivery->batch);
    delivery->bytes = bytes_of(delivery->messages, delivery->count);
    delivery->stored_count = 0;
    delivery->repeat_count = 0;
    delivery->mended_count = 0;
    delivery->first_arrival = 0;
    delivery->last_arrival = 0;
    delivery->queue_id = delivery->queue->id;
    delivery->stored = (struct haplo_slice){NULL, 0};
    if (is_beyond_limit(commit, delivery)) {
        STAILQ_INSERT_TAIL(&commit->refused, delivery, link);
    } else {
        held_set(commit, delivery->queue, delivery->bytes);
        STAILQ_INSERT_TAIL(&commit->waiting, delivery, link);
    }
    commit_kick(commit);
}

void group_commit_confirm(struct group_commit *commit,
                          struct inbox_queue *queue,
                          const struct haplo_mark *mark)
{
    assert(!commit->is_finishing);
    if (group_confirms_add(&commit->confirms, queue, mark)) {
        commit->is_confirm_due = true;
        commit_kick(commit);
    }
}

void group_commit_replace(struct group_commit *commit,
                          struct inbox_replace *replace)
{
    assert(!commit->is_finishing);
    assert(replace->queue->held_bytes == 0);
    replace->queue_id = replace->queue->id;
    STAILQ_INSERT_TAIL(&commit->replaces, replace, link);
    commit_kick(commit);
}

void group_commit_advance(struct group_commit *commit,
                          struct inbox_progress *progress)
{
    assert(!commit->is_finishing);
    progress->outlet_id = progress->outlet->id;
    STAILQ_INSERT_TAIL(&commit->progress, progress, link);
    commit_kick(commit);
}

void group_commit_note_space(struct group_commit *commit, bool is_short,
                             const char *why)
{
    commit->is_short = is_short;
    (void)reason_set(&commit->short_why, 0, "%s", why);
}

void group_commit_forget(struct group_commit *commit, struct inbox_queue *queue)
{
    held_set(commit, queue, 0);
}

/* Opening and closing */

void group_commit_open(struct group_commit *commit, struct inbox *inbox,
                       uv_loop_t *loop, size_t held_max)
{
    int result;

    memset(commit, 0, sizeof(*commit));
    commit->inbox = inbox;
    commit->held_max = held_max;
    STAILQ_INIT(&commit->waiting);
    STAILQ_INIT(&commit->refused);
    group_confirms_init(&commit->confirms);
    STAILQ_INIT(&commit->replaces);
    STAILQ_INIT(&commit->progress);
    result = uv_idle_init(loop, &commit->start);
    assert(result == 0);
    result = uv_timer_init(loop, &commit->retry);
    assert(result == 0);
    (void)result;
    commit->start.data = commit;
    commit->retry.data = commit;
    commit->handle_count = 2;
}

void group_commit_finish(struct group_commit *commit)
{
    assert(!commit->is_finishing);
    commit->is_finishing = true;
    commit->is_confirm_due = true;
    commit_kick(commit);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct group_commit *commit = handle->data;

    commit->handle_count--;
    if (commit->handle_count == 0) {
        inbox_commit_closed(commit->inbox);
    }
}

void group_commit_close(struct group_commit *commit)
{
    uv_close((uv_handle_t *)&commit->start, on_handle_closed);
    uv_close((uv_handle_t *)&commit->retry, on_handle_closed);
}
