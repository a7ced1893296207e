/*
 * forwarder_replay_save.c - stores how far a replay has got. There is one save
 * at a time. If it fails, it is repeated with the same content first.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_replay_private.h"

static void marks_free(struct forwarder_replay *replay)
{
    free(replay->spans);
    free(replay->letters);
    replay->spans = NULL;
    replay->letters = NULL;
}

static void on_saved(struct inbox_task *task, int error, const char *why)
{
    struct forwarder_replay *replay =
        container_of(task, struct forwarder_replay, task);
    struct inbox_replay *row = &replay->row;

    replay->is_busy = false;
    marks_free(replay);
    if (error != 0) {
        replay_fail(replay, why);
        forwarder_pump(replay->forwarder);
        return;
    }
    replay->is_save_open = false;
    replay->saved_to = replay->stored.cursor;
    progress_clear(&replay->saving);
    row->state = replay->stored.state;
    if (row->state != INBOX_REPLAY_RUNNING && !replay->has_to_reload) {
        replay_tell(replay,
                    row->state == INBOX_REPLAY_DONE ? "is done" : "is stopped");
        replay->has_to_reload = true;
    }
    forwarder_pump(replay->forwarder);
}

/* False if memory runs out. */
static bool marks_fill(struct forwarder_replay *replay)
{
    const struct progress *saving = &replay->saving;
    size_t span_count = saving->settled.count;
    size_t letter_count = saving->dead_letter_count;

    replay->spans = calloc(span_count + 1, sizeof(*replay->spans));
    replay->letters = calloc(letter_count + 1, sizeof(*replay->letters));
    if (replay->spans == NULL || replay->letters == NULL) {
        marks_free(replay);
        return false;
    }
    for (size_t i = 0; i < span_count; i++) {
        const struct arrival_range *range = &saving->settled.items[i];

        replay->spans[i] = (struct inbox_span){range->first, range->count};
    }
    for (size_t i = 0; i < letter_count; i++) {
        const struct dead_letter *letter = &saving->dead_letters[i];

        replay->letters[i] = (struct inbox_dead_letter){
            letter->queue_id, letter->arrival, letter->why, letter->tries};
    }
    replay->marks = (struct inbox_replay_marks){
        .delivered = replay->spans,
        .delivered_count = span_count,
        .refused = replay->letters,
        .refused_count = letter_count,
    };
    return true;
}

/* Takes what is to be stored, unless the last save is to be repeated. */
static bool save_prepare(struct forwarder_replay *replay)
{
    struct inbox_replay *row = &replay->row;
    struct replay_pass *pass = &replay->pass;

    if (!replay->is_save_open) {
        if (!progress_move(&pass->done, &replay->saving,
                           replay_pass_cursor(pass))) {
            return false;
        }
        row->cursor = replay_pass_cursor(pass);
        row->delivered_count += pass->delivered_count;
        row->refused_count += pass->refused_count;
        pass->delivered_count = 0;
        pass->refused_count = 0;
        row->state = replay_pass_is_over(pass) ? INBOX_REPLAY_DONE
                                               : INBOX_REPLAY_RUNNING;
        replay->is_save_open = true;
        replay->has_new_why = false;
    }
    return marks_fill(replay);
}

void replay_save(struct forwarder_replay *replay)
{
    replay->save_due_ms = replay_now(replay) + REPLAY_SAVE_MS;
    if (!save_prepare(replay)) {
        replay_fail(replay, "out of memory");
        return;
    }
    replay->stored = replay->row;
    if (!replay_task_start(replay, INBOX_TASK_REPLAY_SAVE, on_saved)) {
        marks_free(replay); /* it is being closed */
    }
}

bool replay_has_progress(const struct forwarder_replay *replay)
{
    return replay->is_save_open || replay->has_new_why ||
           replay_pass_cursor(&replay->pass) > replay->saved_to;
}

bool forwarder_replay_finish(struct forwarder_replay *replay)
{
    if (replay->is_busy) {
        return true;
    }
    if (replay->is_finished || !replay_has_row(replay) ||
        replay->pass.is_lost || replay->is_void ||
        !replay_has_progress(replay)) {
        return false;
    }
    replay->is_finished = true; /* tried once: the next start goes on */
    replay_save(replay);
    return replay->is_busy;
}
