/*
 * forwarder_save.c - stores the progress of an outlet. There is one save at a
 * time; it includes everything done since the last one.
 *
 * If a save fails, or its outcome is unknown, it is repeated with the same
 * content first, which does no harm if it was stored.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "outlets/forwarder/forwarder_private.h"

static void on_saved(struct inbox_progress *save, int error, const char *why)
{
    struct forwarder *forwarder = container_of(save, struct forwarder, save);

    free(forwarder->places);
    free(forwarder->letters);
    forwarder->places = NULL;
    forwarder->letters = NULL;
    dispatch_save_end(&forwarder->dispatch, error == 0,
                      uv_now(forwarder->loop));
    forwarder->is_save_failing = error != 0;
    if (error != 0) {
        forwarder_inbox_failed(forwarder, why);
    } else {
        forwarder_inbox_worked(forwarder);
    }
    if (error != 0 && forwarder->phase == FORWARDER_SAVING) {
        /* The next start delivers it again. */
        forwarder->dispatch.is_lost = true;
    }
    forwarder_pump(forwarder);
}

static struct inbox_place *places_write(const struct arrival_ranges *ranges,
                                        struct inbox_place *out)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct arrival_range *range = &ranges->items[i];

        for (uint32_t j = 0; j < range->count; j++) {
            *out++ = (struct inbox_place){range->queue_id, range->first + j};
        }
    }
    return out;
}

/* False if memory runs out. */
static bool save_fill(struct forwarder *forwarder,
                      const struct progress *progress)
{
    struct inbox_progress *save = &forwarder->save;
    size_t deferred_count = progress->deferred.message_count;
    size_t settled_count = progress->settled.message_count;
    size_t letter_count = progress->dead_letter_count;
    struct inbox_place *settled;
    struct inbox_place *positions;

    forwarder->places =
        calloc(deferred_count + settled_count + progress->position_count + 1,
               sizeof(*forwarder->places));
    forwarder->letters = calloc(letter_count + 1, sizeof(*forwarder->letters));
    if (forwarder->places == NULL || forwarder->letters == NULL) {
        return false;
    }
    settled = places_write(&progress->deferred, forwarder->places);
    positions = places_write(&progress->settled, settled);
    for (size_t i = 0; i < progress->position_count; i++) {
        const struct queue_position *position = &progress->positions[i];

        positions[i] =
            (struct inbox_place){position->queue_id, position->arrival};
    }
    for (size_t i = 0; i < letter_count; i++) {
        const struct dead_letter *letter = &progress->dead_letters[i];

        forwarder->letters[i] = (struct inbox_dead_letter){
            letter->queue_id, letter->arrival, letter->why, letter->tries};
    }
    *save = (struct inbox_progress){
        .outlet = forwarder->progress,
        .cursor = forwarder->progress->is_by_queue ? 0 : progress->cursor,
        .deferred = forwarder->places,
        .deferred_count = deferred_count,
        .settled = settled,
        .settled_count = settled_count,
        .positions = positions,
        .position_count = progress->position_count,
        .dead_letters = forwarder->letters,
        .dead_letter_count = letter_count,
        .progress_cb = on_saved,
    };
    return true;
}

bool forwarder_save(struct forwarder *forwarder)
{
    uint64_t now_ms = uv_now(forwarder->loop);
    const struct progress *progress = dispatch_save_begin(
        &forwarder->dispatch, forwarder->phase == FORWARDER_SAVING, now_ms);

    if (progress == NULL) {
        return false;
    }
    if (!save_fill(forwarder, progress)) {
        free(forwarder->places);
        free(forwarder->letters);
        forwarder->places = NULL;
        forwarder->letters = NULL;
        dispatch_save_end(&forwarder->dispatch, false, now_ms);
        forwarder_inbox_failed(forwarder, "out of memory");
        if (forwarder->phase == FORWARDER_SAVING) {
            forwarder->dispatch.is_lost = true;
        }
        return false;
    }
    inbox_advance(&forwarder->save);
    return true;
}
