#include "core/progress.h"

#include <assert.h>

#include "base/alloc.h"

#define CAPACITY_MIN 32
#define CAPACITY_KEEP_MAX 4096 /* kept when it is cleared */

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.lowest = UINT64_MAX};
}

/* Makes room for count items of this size. */
static bool make_room(void **items, size_t count, size_t *capacity, size_t size)
{
    if (count <= *capacity) {
        return true;
    }
    size_t larger = *capacity == 0 ? CAPACITY_MIN : 2 * *capacity;
    larger = larger < count ? count : larger;
    void *block = alloc_resize(*items, larger * size);
    if (block == NULL) {
        return false;
    }
    *items = block;
    *capacity = larger;
    return true;
}

static bool ranges_reserve(struct arrival_ranges *ranges, size_t count)
{
    void *items = ranges->items;
    if (!make_room(&items, count, &ranges->capacity, sizeof *ranges->items)) {
        return false;
    }
    ranges->items = items;
    return true;
}

static bool letters_reserve(struct progress *progress, size_t count)
{
    void *items = progress->dead_letters;
    if (!make_room(&items, count, &progress->dead_letter_capacity,
                   sizeof *progress->dead_letters)) {
        return false;
    }
    progress->dead_letters = items;
    return true;
}

static void note_lowest(struct progress *progress, uint64_t arrival)
{
    if (arrival < progress->lowest) {
        progress->lowest = arrival;
    }
}

/* Extends the last range if possible: lanes are often deferred by spans. */
static bool ranges_add(struct arrival_ranges *ranges, uint64_t queue_id,
                       uint64_t first, uint32_t count)
{
    struct arrival_range *last =
        ranges->count > 0 ? &ranges->items[ranges->count - 1] : NULL;
    if (last != NULL && last->queue_id == queue_id &&
        last->first + last->count == first &&
        last->count <= UINT32_MAX - count) {
        last->count += count;
    } else {
        if (!ranges_reserve(ranges, ranges->count + 1)) {
            return false;
        }
        assert(ranges->items != NULL);
        ranges->items[ranges->count++] =
            (struct arrival_range){queue_id, first, count};
    }
    ranges->message_count += count;
    return true;
}

bool progress_defer(struct progress *progress, uint64_t queue_id,
                    uint64_t first, uint32_t count)
{
    note_lowest(progress, first);
    return ranges_add(&progress->deferred, queue_id, first, count);
}

bool progress_settle(struct progress *progress, uint64_t queue_id,
                     uint64_t first, uint32_t count)
{
    note_lowest(progress, first);
    return ranges_add(&progress->settled, queue_id, first, count);
}

bool progress_bury(struct progress *progress, uint64_t queue_id,
                   uint64_t arrival, const char *why, unsigned tries)
{
    char *copy = alloc_string(why);
    if (copy == NULL ||
        !letters_reserve(progress, progress->dead_letter_count + 1)) {
        alloc_free(copy);
        return false;
    }
    note_lowest(progress, arrival);
    progress->dead_letters[progress->dead_letter_count++] =
        (struct dead_letter){queue_id, arrival, copy, tries};
    return true;
}

bool progress_place(struct progress *progress, uint64_t queue_id,
                    uint64_t arrival)
{
    void *items = progress->positions;
    if (!make_room(&items, progress->position_count + 1,
                   &progress->position_capacity, sizeof *progress->positions)) {
        return false;
    }
    progress->positions = items;
    progress->positions[progress->position_count++] =
        (struct queue_position){queue_id, arrival};
    return true;
}

/* A range never crosses the cursor: the message after the cursor is neither
 * done nor deferred. */
static void ranges_move(struct arrival_ranges *from, struct arrival_ranges *to,
                        uint64_t cursor)
{
    size_t kept = 0;
    for (size_t i = 0; i < from->count; i++) {
        struct arrival_range range = from->items[i];
        if (range.first <= cursor) {
            assert(range.first + range.count - 1 <= cursor);
            to->items[to->count++] = range;
            to->message_count += range.count;
            from->message_count -= range.count;
        } else {
            from->items[kept++] = range;
        }
    }
    from->count = kept;
}

static void letters_move(struct progress *from, struct progress *to,
                         uint64_t cursor)
{
    size_t kept = 0;
    for (size_t i = 0; i < from->dead_letter_count; i++) {
        struct dead_letter letter = from->dead_letters[i];
        if (letter.arrival <= cursor) {
            to->dead_letters[to->dead_letter_count++] = letter;
        } else {
            from->dead_letters[kept++] = letter;
        }
    }
    from->dead_letter_count = kept;
}

static void find_lowest(struct progress *progress)
{
    progress->lowest = UINT64_MAX;
    for (size_t i = 0; i < progress->deferred.count; i++) {
        note_lowest(progress, progress->deferred.items[i].first);
    }
    for (size_t i = 0; i < progress->settled.count; i++) {
        note_lowest(progress, progress->settled.items[i].first);
    }
    for (size_t i = 0; i < progress->dead_letter_count; i++) {
        note_lowest(progress, progress->dead_letters[i].arrival);
    }
}

bool progress_move(struct progress *from, struct progress *to, uint64_t cursor)
{
    if (!ranges_reserve(&to->deferred,
                        to->deferred.count + from->deferred.count) ||
        !ranges_reserve(&to->settled,
                        to->settled.count + from->settled.count) ||
        !letters_reserve(to, to->dead_letter_count + from->dead_letter_count)) {
        return false;
    }
    to->cursor = cursor;
    ranges_move(&from->deferred, &to->deferred, cursor);
    ranges_move(&from->settled, &to->settled, cursor);
    letters_move(from, to, cursor);
    find_lowest(from);
    find_lowest(to);
    return true;
}

static void ranges_clear(struct arrival_ranges *ranges)
{
    if (ranges->capacity > CAPACITY_KEEP_MAX) {
        alloc_free(ranges->items);
        *ranges = (struct arrival_ranges){.items = NULL};
    }
    ranges->count = 0;
    ranges->message_count = 0;
}

void progress_clear(struct progress *progress)
{
    ranges_clear(&progress->deferred);
    ranges_clear(&progress->settled);
    for (size_t i = 0; i < progress->dead_letter_count; i++) {
        alloc_free(progress->dead_letters[i].why);
    }
    progress->dead_letter_count = 0;
    progress->position_count = 0;
    progress->lowest = UINT64_MAX;
}

void progress_free(struct progress *progress)
{
    progress_clear(progress);
    alloc_free(progress->deferred.items);
    alloc_free(progress->settled.items);
    alloc_free(progress->dead_letters);
    alloc_free(progress->positions);
    progress_init(progress);
}
