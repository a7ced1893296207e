#include "inbox/postgres/pg_batches.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_names.h"
#include "inbox/repeat_set.h"

int pg_batches_init(struct pg_batches *batches, const char *schema)
{
    memset(batches, 0, sizeof(*batches));
    batches->check_sql = pg_names_expand(
        schema, "(SELECT body, NULL::bytea FROM @stored WHERE queue = $1 AND"
                " arrival >= $2 ORDER BY arrival DESC) UNION ALL SELECT NULL,"
                " key FROM @purged WHERE queue = $1 AND arrival >= $2");
    return batches->check_sql != NULL ? 0 : HAPLO_ENOMEM;
}

void pg_batches_clear(struct pg_batches *batches)
{
    for (size_t i = 0; i < batches->count; i++) {
        free(batches->items[i].is_missing);
    }
    batches->count = 0;
    batches->checked = 0;
}

void pg_batches_free(struct pg_batches *batches)
{
    pg_batches_clear(batches);
    free(batches->items);
    free(batches->check_sql);
}

/* Comparing */

static bool reserve(struct pg_batches *batches, size_t count)
{
    struct pg_batch *items;

    if (count <= batches->capacity) {
        return true;
    }
    items = realloc(batches->items, count * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    batches->items = items;
    batches->capacity = count;
    return true;
}

/* Removes what an attempt that failed has left behind. */
static void delivery_reset(struct inbox_delivery *delivery)
{
    free((char *)delivery->stored.data);
    delivery->stored = (struct haplo_slice){NULL, 0};
    delivery->stored_count = 0;
    delivery->repeat_count = 0;
    delivery->mended_count = 0;
    delivery->first_arrival = 0;
    delivery->last_arrival = 0;
}

static bool delivery_compare(struct pg_batches *batches,
                             struct inbox_delivery *delivery,
                             struct pg_row *row)
{
    delivery_reset(delivery);
    delivery->queue_id = (uint64_t)row->id;
    delivery->compare = haplo_state_compare(delivery->state, row->state);
    switch (delivery->compare) {
    case HAPLO_COMPARE_CURRENT:
        batches->items[batches->count++] =
            (struct pg_batch){delivery, row, NULL};
        return true;
    case HAPLO_COMPARE_STORED:
        delivery->repeat_count = delivery->count;
        return true;
    case HAPLO_COMPARE_STALE:
        break;
    }
    return pg_row_copy_state(row, &delivery->stored);
}

bool pg_batches_compare(struct pg_batches *batches,
                        const struct inbox_group *group,
                        const struct pg_rows *rows)
{
    struct inbox_delivery *delivery;

    pg_batches_clear(batches);
    if (!reserve(batches, group->part_count)) {
        return false;
    }
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        if (!delivery_compare(batches, delivery,
                              pg_rows_of(rows, delivery->queue))) {
            return false;
        }
    }
    return true;
}

/* Repeats */

/* Some of a queue that came from another inbox are still there. So nothing is
 * looked up until its messages are known to be confirmed. */
static bool has_repeats(const struct pg_batch *batch)
{
    return batch->delivery->new_count < batch->delivery->count &&
           batch->row->unconfirmed.count != UNCONFIRMED_UNKNOWN;
}

bool pg_batches_check(struct pg_batches *batches,
                      struct pg_statement *statement)
{
    const struct pg_batch *batch;

    for (; batches->checked < batches->count; batches->checked++) {
        batch = &batches->items[batches->checked];
        if (has_repeats(batch)) {
            pg_statement_init(statement, batches->check_sql);
            pg_statement_number(statement, batch->row->id);
            pg_statement_number(statement, batch->row->unconfirmed.first);
            return true;
        }
    }
    return false;
}

/* A body, or the key of one that was purged. */
static void row_tick(struct repeat_set *repeats, const PGresult *result,
                     int row)
{
    if (PQgetisnull(result, row, 0)) {
        repeat_set_tick_key(repeats, pg_bytes(result, row, 1));
    } else {
        repeat_set_tick(repeats, pg_bytes(result, row, 0));
    }
}

bool pg_batches_checked(struct pg_batches *batches, const PGresult *result)
{
    struct pg_batch *batch = &batches->items[batches->checked++];
    struct inbox_delivery *delivery = batch->delivery;
    struct repeat_set repeats;

    batch->is_missing = calloc(delivery->count, sizeof(*batch->is_missing));
    if (batch->is_missing == NULL || !repeat_set_make(&repeats, delivery)) {
        return false;
    }
    for (int i = 0; i < PQntuples(result) && repeats.left > 0; i++) {
        row_tick(&repeats, result, i);
    }
    delivery->mended_count = repeat_set_missing(&repeats, batch->is_missing);
    repeat_set_free(&repeats);
    return true;
}

size_t pg_batches_missing_count(const struct pg_batches *batches)
{
    size_t count = 0;

    for (size_t i = 0; i < batches->count; i++) {
        count += batches->items[i].delivery->mended_count;
    }
    return count;
}
