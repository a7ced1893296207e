/*
 * repeat_check.c - finds the rows of repeated messages.
 *
 *   - The repeats are sorted by key, with one entry for each of equal
 *     messages.
 *   - The rows of the newest batch of the queue are read. Each is hashed and
 *     looked up, and ticks off one repeat.
 *   - The same is done with earlier batches until all repeats are ticked off.
 *     Nearly always one batch suffices, the one that is repeated.
 *   - The search ends after the oldest batch that may contain an unconfirmed
 *     message. The rows of the remaining repeats are then missing or damaged.
 *
 * Some rows of a queue that came from another inbox are still there. So
 * nothing is looked up until its messages are known to be confirmed.
 */
#include "inbox/sqlite/repeat_check.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "inbox/sqlite/db_value.h"

struct repeat {
    const uint8_t *key; /* key of the message */
    size_t index;       /* in the batch */
    bool is_found;      /* its row was found */
};

struct repeats {
    struct repeat *items; /* sorted by key */
    size_t count;         /* number of items */
    size_t left;          /* not found yet */
};

static int compare_keys(const void *a, const void *b)
{
    const struct repeat *first = a;
    const struct repeat *second = b;

    return memcmp(first->key, second->key,
                  sizeof(((struct haplo_message *)NULL)->key));
}

static bool repeats_make(struct repeats *repeats,
                         const struct inbox_delivery *delivery)
{
    repeats->count = 0;
    repeats->items = malloc(delivery->count * sizeof(*repeats->items));
    if (repeats->items == NULL) {
        return false;
    }
    for (size_t i = 0; i < delivery->count; i++) {
        if (delivery->messages[i].is_repeat) {
            repeats->items[repeats->count++] =
                (struct repeat){delivery->messages[i].key, i, false};
        }
    }
    qsort(repeats->items, repeats->count, sizeof(*repeats->items),
          compare_keys);
    repeats->left = repeats->count;
    return true;
}

/* Ticks off a repeat with this body, if one is left. */
static void repeats_tick(struct repeats *repeats, const void *body, size_t size)
{
    XXH128_canonical_t key;
    struct repeat wanted = {.key = key.digest};
    struct repeat *end = repeats->items + repeats->count;
    struct repeat *found;

    XXH128_canonicalFromHash(&key, XXH3_128bits(body, size));
    found = bsearch(&wanted, repeats->items, repeats->count,
                    sizeof(*repeats->items), compare_keys);
    if (found == NULL) {
        return;
    }
    while (found > repeats->items && compare_keys(found - 1, &wanted) == 0) {
        found--;
    }
    while (found < end && compare_keys(found, &wanted) == 0) {
        if (!found->is_found) {
            found->is_found = true;
            repeats->left--;
            return;
        }
        found++;
    }
}

/* Gets the number of messages in the batch that begins at `first`, and the
 * first arrival of the batch before it. */
static enum inbox_fault batch_get(struct writer *writer, int64_t first,
                                  int64_t *count, int64_t *older)
{
    sqlite3_stmt *get = writer->statements[WRITER_BATCH_GET];
    int code = sqlite3_bind_int64(get, 1, first);
    int reset;

    *count = 0;
    *older = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(get);
    }
    if (code == SQLITE_ROW) {
        *count = sqlite3_column_int64(get, 0);
        *older = sqlite3_column_int64(get, 1);
    }
    reset = sqlite3_reset(get);
    return writer_fault(writer, code == SQLITE_ROW ? reset : code);
}

static enum inbox_fault batch_tick(struct writer *writer, int64_t queue,
                                   int64_t first, int64_t count,
                                   struct repeats *repeats)
{
    sqlite3_stmt *bodies = writer->statements[WRITER_BATCH_BODIES];
    struct haplo_slice body;
    int code = sqlite3_bind_int64(bodies, 1, first);
    int reset;

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(bodies, 2, first + count - 1);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(bodies, 3, queue);
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(bodies);
        if (code == SQLITE_ROW) {
            code = db_column_bytes(bodies, 0, &body);
            if (code != SQLITE_OK) {
                break;
            }
            repeats_tick(repeats, body.data, body.size);
        }
    }
    reset = sqlite3_reset(bodies);
    return writer_fault(writer, code != SQLITE_DONE ? code : reset);
}

static enum inbox_fault batches_tick(struct writer *writer,
                                     const struct queue_row *row,
                                     struct repeats *repeats)
{
    enum inbox_fault fault = INBOX_FINE;
    int64_t first = row->newest_batch;
    int64_t count;
    int64_t older;

    while (fault == INBOX_FINE && repeats->left > 0 && first > 0 &&
           first >= row->unconfirmed_from) {
        fault = batch_get(writer, first, &count, &older);
        if (fault == INBOX_FINE) {
            fault = batch_tick(writer, row->id, first, count, repeats);
        }
        first = older < first ? older
                              : 0; /* a damaged link must not cause a loop */
    }
    return fault;
}

enum inbox_fault repeat_check(struct writer *writer,
                              const struct queue_row *row,
                              const struct inbox_delivery *delivery,
                              bool *is_missing, size_t *missing_count)
{
    struct repeats repeats;
    enum inbox_fault fault;

    *missing_count = 0;
    if (row->unconfirmed == QUEUE_ROW_UNKNOWN) {
        return INBOX_FINE;
    }
    if (!repeats_make(&repeats, delivery)) {
        return writer_fault(writer, SQLITE_NOMEM);
    }
    fault = batches_tick(writer, row, &repeats);
    for (size_t i = 0; fault == INBOX_FINE && i < repeats.count; i++) {
        if (!repeats.items[i].is_found) {
            is_missing[repeats.items[i].index] = true;
            (*missing_count)++;
        }
    }
    free(repeats.items);
    return fault;
}
