/*
 * once_limit.c - ends `once` on queues that are never empty.
 *
 *   - The first batch of a queue is stored and marked. The response to the mark
 *     says how many messages are unread: they were there before anything that
 *     arrives from now on, and come first.
 *   - When as many have been marked, the queue is settled, whatever has arrived
 *     in the meantime. The next run will find it.
 *   - A server of 2019 sends all of its messages in one batch, and does not
 *     say how many are unread: one batch is all.
 *   - If marks were lost, some stored messages are still not known to be
 *     marked. Until they are, a resend of them would be taken for a repeat, so
 *     there is one more fetch: an empty one settles it.
 *
 * With --max-time, everything ends after that time: queues that are not settled
 * have failed, and what is in flight may finish for ONCE_GRACE_MS.
 */
#include <stdio.h>

#include "config/units.h"
#include "daemon/once/once.h"

#define ONCE_GRACE_MS 1000  /* for batches in flight when the time is up */
#define UNFINISHED_SHOWN 20 /* queues named then; the rest is counted */

/* What was there */

static void count_down(struct once_queue *queue, const struct haplo_mark *mark)
{
    if (!queue->has_begun) {
        queue->has_begun = true;
        queue->left_count =
            mark->unread_count > 0 ? (uint64_t)mark->unread_count : 0;
    } else if (queue->left_count > mark->message_count) {
        queue->left_count -= mark->message_count;
    } else {
        queue->left_count = 0;
    }
}

static bool has_unconfirmed(const struct once_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue->queue->queue, &stats);
    return stats.unconfirmed_count > 0;
}

void once_note_mark(struct once *once, struct once_queue *queue,
                    const struct haplo_mark *mark)
{
    if (queue->is_settled || mark->message_count == 0) {
        return;
    }
    count_down(queue, mark);
    if (queue->left_count > 0) {
        return;
    }
    if (!queue->is_last_fetch && has_unconfirmed(queue)) {
        queue->is_last_fetch = true;
    } else {
        haplo_queue_pause(queue->queue->queue); /* before the next fetch */
        once_settle(once, queue);
    }
}

/* The time */

static void give_up_unfinished(struct once *once, const char *limit)
{
    size_t count = 0;
    char name[GATHER_NAME_SIZE];
    char text[GATHER_NAME_SIZE + 128];
    for (size_t i = 0; i < once->queue_count; i++) {
        struct once_queue *queue = &once->queues[i];
        if (queue->is_settled) {
            continue;
        }
        if (count++ < UNFINISHED_SHOWN) {
            snprintf(text, sizeof text, "%s: not drained after %s (--max-time)",
                     gather_queue_name(queue->queue, name), limit);
            once_report_line(&once->report, text);
        }
    }
    if (count > UNFINISHED_SHOWN) {
        snprintf(text, sizeof text,
                 "%zu more queues not drained after %s (--max-time)",
                 count - UNFINISHED_SHOWN, limit);
        once_report_line(&once->report, text);
    }
    once->failed_count += count;
}

static void on_limit(uv_timer_t *timer)
{
    struct once *once = timer->data;
    char limit[UNITS_TEXT_SIZE];
    if (once->session.is_ending) {
        return;
    }
    duration_format(once->max_time_ms, limit);
    give_up_unfinished(once, limit);
    once_outlets_report(once);
    once->is_done = true;
    session_end_within(&once->session, ONCE_GRACE_MS);
}

/* The time that opening has taken counts. */
void once_limit_start(struct once *once)
{
    uint64_t passed_ms = uv_hrtime() / 1000000 - once->started_ms;
    if (once->max_time_ms != 0) {
        uv_timer_start(
            &once->limit, on_limit,
            once->max_time_ms > passed_ms ? once->max_time_ms - passed_ms : 0,
            0); /* cannot fail */
    }
}
