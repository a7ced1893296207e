/*
 * forwarder_replay.c - sends messages to an outlet again.
 *
 *   - The inbox has a row for each replay. The oldest one of this outlet that
 *     is not done is loaded: when the outlet starts, when a command has added
 *     or stopped one, and when one is done.
 *   - Its messages are read page by page, in order of arrival. Those that the
 *     outlet wants, and the replay takes, are sent in the same parcels as the
 *     first time, one at a time, and flagged.
 *   - Messages that are forwarded for the first time go first: a parcel of the
 *     replay gets a place that is free, or after some time the next one
 *     (dispatch_lend()).
 *   - How far it has got is stored every REPLAY_SAVE_MS, together with the dead
 *     letters that it has added or delivered. After a crash, it goes on there.
 *
 * Failures:
 *
 *   - A parcel is not delivered: see core/replay_pass.h. While the outlet is
 *     broken, it waits with the outlet.
 *   - The inbox reports an error: it is asked again after REPLAY_RETRY_MS.
 *   - Memory runs out when a result must be recorded: after the same wait, the
 *     row is loaded again, and the replay goes on from what is stored.
 *   - Another host is to do it (forwarder_share.c): what is in flight may
 * finish, and is stored; then the row is dropped. If the other host may have
 * begun, nothing is stored.
 *   - It is stopped by an operator: the next save tells so. What is in flight
 *     then is finished.
 */
#include "outlets/forwarder/forwarder_replay.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_replay_private.h"

#define REPLAY_RETRY_MS 5000
#define REPLAY_PEEK_MS 10000

uint64_t replay_now(const struct forwarder_replay *replay)
{
    return uv_now(replay->forwarder->loop);
}

bool replay_has_row(const struct forwarder_replay *replay)
{
    return replay->row.id != 0;
}

void replay_tell(struct forwarder_replay *replay, const char *what)
{
    const struct inbox_replay *row = &replay->row;
    char text[HAPLO_TEXT_SIZE_MAX];

    (void)snprintf(text, sizeof(text),
                   "replay %" PRIu64 " %s; delivered: %" PRIu64
                   ", refused: %" PRIu64,
                   row->id, what, row->delivered_count, row->refused_count);
    forwarder_tell(replay->forwarder, NULL, "replay", text, 0, 0);
}

void replay_fail(struct forwarder_replay *replay, const char *why)
{
    (void)reason_set(&replay->row.why, 0, "%s", why);
    replay->retry_at_ms = replay_now(replay) + REPLAY_RETRY_MS;
}

/* Loading */

static void begin(struct forwarder_replay *replay)
{
    const struct inbox_replay *row = &replay->row;

    if (replay->chosen == NULL) {
        replay->chosen =
            calloc(FORWARDER_PARCEL_COUNT_MAX, sizeof(*replay->chosen));
    }
    if (replay->chosen == NULL) {
        replay->has_to_look = true;
        replay_fail(replay, "out of memory");
        return;
    }
    replay->row = replay->stored;
    replay_pass_init(&replay->pass, &replay->forwarder->policy.breaker,
                     row->cursor, row->last, row->is_of_letters,
                     replay_now(replay) + row->id);
    replay->saved_to = row->cursor;
    replay->page_bytes_max = REPLAY_PAGE_BYTES_MAX;
    replay->save_due_ms = replay_now(replay) + REPLAY_SAVE_MS;
    replay_tell(replay, row->delivered_count == 0 ? "starts" : "continues");
}

static void on_loaded(struct inbox_task *task, int error, const char *why)
{
    struct forwarder_replay *replay =
        container_of(task, struct forwarder_replay, task);

    replay->is_busy = false;
    replay->is_peeking = false;
    if (replay->is_elsewhere || replay->is_void) {
        replay->has_to_look = true;
        replay->is_void = false;
    } else if (error != 0) {
        replay->has_to_look = true;
        replay_fail(replay, why);
    } else if (task->count > 0) {
        begin(replay);
    }
    forwarder_pump(replay->forwarder);
}

bool replay_task_start(struct forwarder_replay *replay,
                       enum inbox_task_kind kind, inbox_task_cb done_cb)
{
    replay->task = (struct inbox_task){
        .kind = kind,
        .replay = &replay->stored,
        .marks = &replay->marks,
        .done_cb = done_cb,
    };
    replay->is_busy =
        inbox_task_start(replay->forwarder->inbox, &replay->task) == 0;
    return replay->is_busy;
}

static void look(struct forwarder_replay *replay)
{
    replay->has_to_look = false;
    replay->peek_at_ms = replay_now(replay) + REPLAY_PEEK_MS;
    replay->stored = (struct inbox_replay){.id = 0};
    (void)snprintf(replay->stored.outlet, sizeof(replay->stored.outlet), "%s",
                   replay->forwarder->options->name);
    (void)replay_task_start(replay, INBOX_TASK_REPLAY_NEXT, on_loaded);
}

static void row_drop(struct forwarder_replay *replay)
{
    assert(!replay->is_in_flight);
    replay_page_free(replay);
    progress_clear(&replay->saving);
    replay_pass_free(&replay->pass);
    replay->is_save_open = false;
    replay->has_to_reload = false;
    replay->has_new_why = false;
    replay->is_void = false;
    replay->row.id = 0;
    replay->has_to_look = true;
}

/* Working */

static bool is_idle(const struct forwarder_replay *replay)
{
    return !replay->is_busy && !replay->is_reading && !replay->is_in_flight;
}

/* Drops the row if it is done, or was stopped, or is another host's, and
 * everything is stored; or if it is void, or memory ran out. */
static void consider_drop(struct forwarder_replay *replay)
{
    bool is_lost = replay->pass.is_lost;
    bool is_over = replay->has_to_reload || replay->is_elsewhere;

    if (!is_idle(replay)) {
        return;
    }
    if (is_lost || replay->is_void ||
        (is_over && !replay_has_progress(replay))) {
        row_drop(replay);
    }
    if (is_lost) { /* what is repeated must not be repeated at once */
        replay_fail(replay, "out of memory");
    }
}

static void consider_save(struct forwarder_replay *replay)
{
    bool is_due = replay_now(replay) >= replay->save_due_ms ||
                  replay_pass_is_over(&replay->pass) ||
                  (replay->is_elsewhere && is_idle(replay));

    if (replay->is_busy || replay->pass.is_lost || replay->is_void) {
        return;
    }
    if (replay->has_to_look ||
        (is_due &&
         (replay_has_progress(replay) || replay_pass_is_over(&replay->pass)))) {
        replay->has_to_look = false;
        replay_save(replay);
    }
}

/* Whether other processes have added one: the command may have told another
 * host. */
static bool is_peek_due(const struct forwarder_replay *replay)
{
    return replay->forwarder->share != NULL &&
           replay_now(replay) >= replay->peek_at_ms;
}

static void consider_look(struct forwarder_replay *replay)
{
    if (replay->is_busy || replay->is_elsewhere ||
        replay_now(replay) < replay->retry_at_ms) {
        return;
    }
    if (replay->has_to_look) {
        look(replay);
    } else if (is_peek_due(replay)) {
        look(replay);
        replay->is_peeking = replay->is_busy;
    }
}

void forwarder_replay_work(struct forwarder_replay *replay)
{
    if (replay_now(replay) < replay->retry_at_ms) {
        return;
    }
    if (replay_has_row(replay)) {
        consider_drop(replay);
    }
    if (!replay_has_row(replay)) {
        consider_look(replay);
        return;
    }
    if (!replay->has_to_reload && !replay->is_elsewhere && !replay->is_void) {
        replay_read(replay);
    }
    consider_save(replay);
}

uint64_t forwarder_replay_due_ms(const struct forwarder_replay *replay)
{
    uint64_t due_ms;

    if (replay->retry_at_ms > replay_now(replay)) {
        return replay->retry_at_ms;
    }
    if (!replay_has_row(replay)) {
        return replay->forwarder->share == NULL || replay->is_elsewhere ||
                       replay->is_busy
                   ? HEAP_NEVER
                   : replay->peek_at_ms;
    }
    due_ms = replay_pass_due_ms(&replay->pass);
    if (!replay->is_busy && replay_has_progress(replay) &&
        replay->save_due_ms < due_ms) {
        due_ms = replay->save_due_ms;
    }
    return due_ms;
}

bool forwarder_replay_is_over(const struct forwarder_replay *replay)
{
    if (replay->is_elsewhere) {
        return forwarder_replay_is_elsewhere(replay);
    }
    return !replay_has_row(replay) &&
           (!replay->is_busy || replay->is_peeking) && !replay->has_to_look;
}

bool forwarder_replay_is_at_rest(const struct forwarder_replay *replay)
{
    bool is_waiting =
        replay_has_row(replay) && is_idle(replay) &&
        !replay_has_progress(replay) &&
        (replay->pass.breaker.state == BREAKER_BROKEN ||
         replay->forwarder->dispatch.breaker.state == BREAKER_BROKEN);

    return forwarder_replay_is_over(replay) || is_waiting;
}

/* Public */

struct forwarder_replay *forwarder_replay_new(struct forwarder *forwarder)
{
    struct forwarder_replay *replay = calloc(1, sizeof(*replay));

    if (replay != NULL) {
        replay->forwarder = forwarder;
        replay->has_to_look = true;
        progress_init(&replay->saving);
    }
    return replay;
}

void forwarder_replay_free(struct forwarder_replay *replay)
{
    assert(is_idle(replay));
    if (replay_has_row(replay)) {
        row_drop(replay);
    }
    progress_free(&replay->saving);
    free(replay->chosen);
    free(replay);
}

void forwarder_replay_look(struct forwarder_replay *replay)
{
    replay->has_to_look = true;
    replay->retry_at_ms = 0;
}

void forwarder_replay_leave(struct forwarder_replay *replay, bool is_lost)
{
    replay->is_elsewhere = true;
    replay->is_void |= is_lost && (replay_has_row(replay) || replay->is_busy);
}

void forwarder_replay_come(struct forwarder_replay *replay)
{
    replay->is_elsewhere = false;
    forwarder_replay_look(replay);
}

bool forwarder_replay_is_elsewhere(const struct forwarder_replay *replay)
{
    return replay->is_elsewhere && !replay_has_row(replay) && is_idle(replay);
}
