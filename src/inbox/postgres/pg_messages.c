#include "inbox/postgres/pg_messages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_jsonb.h"
#include "inbox/postgres/pg_names.h"

/* Both fail with a division by zero if a row was not written, because somebody
 * has added a trigger or a rule: then nothing must be committed. The jsonb is
 * made of the bytes by the server, so that they are sent once. */
#define STORED_SQL                                                           \
    "WITH written AS (INSERT INTO @stored (arrival, queue, batch, position," \
    " body, body_json, id, datetime, action, object_ref, record_version)"    \
    " SELECT n.arrival, n.queue, n.batch, n.position, n.body,"               \
    " CASE WHEN n.has_json THEN convert_from(n.body, 'UTF8')::jsonb END,"    \
    " n.id, n.datetime, n.action, n.ref, n.version"                          \
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"   \
    " $5::bytea[], $6::boolean[], $7::text[], $8::text[], $9::text[],"       \
    " $10::text[], $11::text[])"                                             \
    " AS n(arrival, queue, batch, position, body, has_json, id, datetime,"   \
    " action, ref, version) RETURNING 1)"                                    \
    " SELECT 1 / (count(*) = $12)::integer FROM written"

#define BATCHES_SQL                                                          \
    "WITH written AS (INSERT INTO @batches (first_arrival, queue, count,"    \
    " format, fetched_at, stored_at)"                                        \
    " SELECT n.first, n.queue, n.count, n.format, n.fetched, $6"             \
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"   \
    " $5::bigint[]) AS n(first, queue, count, format, fetched) RETURNING 1)" \
    " SELECT 1 / (count(*) = $7)::integer FROM written"

#define ARRAY_COUNT 11

/* All arrays but those of the columns; of the messages first. */
static void arrays_of(struct pg_messages *messages,
                      struct pg_array *arrays[ARRAY_COUNT])
{
    struct pg_array *const all[ARRAY_COUNT] = {
        &messages->arrivals,  &messages->queues, &messages->batches,
        &messages->positions, &messages->bodies, &messages->has_json,
        &messages->firsts,    &messages->owners, &messages->counts,
        &messages->formats,   &messages->fetched};

    memcpy(arrays, all, sizeof(all));
}

int pg_messages_init(struct pg_messages *messages, const char *schema)
{
    struct pg_array *arrays[ARRAY_COUNT];

    memset(messages, 0, sizeof(*messages));
    arrays_of(messages, arrays);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        pg_array_init(arrays[i], arrays[i] == &messages->bodies     ? PG_BYTEA
                                 : arrays[i] == &messages->has_json ? PG_BOOL
                                                                    : PG_INT8);
    }
    messages->stored_sql = pg_names_expand(schema, STORED_SQL);
    messages->batches_sql = pg_names_expand(schema, BATCHES_SQL);
    return pg_columns_init(&messages->columns) == 0 &&
                   messages->stored_sql != NULL && messages->batches_sql != NULL
               ? 0
               : HAPLO_ENOMEM;
}

void pg_messages_free(struct pg_messages *messages)
{
    struct pg_array *arrays[ARRAY_COUNT];

    arrays_of(messages, arrays);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        pg_array_free(arrays[i]);
    }
    pg_columns_free(&messages->columns);
    free(messages->stored_sql);
    free(messages->batches_sql);
}

void pg_messages_clear(struct pg_messages *messages)
{
    struct pg_array *arrays[ARRAY_COUNT];

    arrays_of(messages, arrays);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        pg_array_clear(arrays[i]);
    }
    pg_columns_clear(&messages->columns);
    messages->json_count = 0;
}

static void add_message(struct pg_messages *messages,
                        const struct inbox_delivery *delivery,
                        const struct pg_row *row,
                        const struct haplo_message *message, int64_t arrival,
                        size_t position)
{
    pg_array_number(&messages->arrivals, arrival);
    pg_array_number(&messages->queues, row->id);
    pg_array_number(&messages->batches, (int64_t)delivery->first_arrival);
    pg_array_number(&messages->positions, (int64_t)position);
    pg_array_bytes(&messages->bodies, message->body);
    pg_columns_add(&messages->columns, message, delivery->format);
}

static void add_batch(struct pg_messages *messages,
                      const struct inbox_delivery *delivery,
                      const struct pg_row *row)
{
    pg_array_number(&messages->firsts, (int64_t)delivery->first_arrival);
    pg_array_number(&messages->owners, row->id);
    pg_array_number(&messages->counts, (int64_t)delivery->stored_count);
    pg_array_number(&messages->formats, (int64_t)delivery->format);
    pg_array_number(&messages->fetched, (int64_t)delivery->fetched_at_ms);
}

static void add_has_json(struct pg_messages *messages,
                         const struct inbox_delivery *delivery, size_t index,
                         const struct pg_narrow *narrow)
{
    bool has_json = delivery->format == HAPLO_FORMAT_JSON &&
                    !pg_narrow_is_refused(narrow, index) &&
                    pg_jsonb_can_hold(delivery->messages[index].body);

    pg_array_bool(&messages->has_json, has_json);
    messages->json_count += has_json ? 1 : 0;
}

static bool is_to_be_stored(const struct pg_batch *batch, size_t index)
{
    return !batch->delivery->messages[index].is_repeat ||
           (batch->is_missing != NULL && batch->is_missing[index]);
}

static void row_set(struct pg_row *row, const struct inbox_delivery *delivery)
{
    int64_t first_arrival = (int64_t)delivery->first_arrival;

    unconfirmed_store(&row->unconfirmed, first_arrival, delivery->stored_count,
                      delivery->mended_count);
    if (delivery->stored_count > 0) {
        row->newest_batch = first_arrival;
        row->last_arrival = (int64_t)delivery->last_arrival;
    }
    pg_row_set(row, delivery->state);
}

bool pg_messages_add(struct pg_messages *messages, const struct pg_batch *batch,
                     struct pg_arrivals *arrivals,
                     const struct pg_narrow *narrow)
{
    struct inbox_delivery *delivery = batch->delivery;
    size_t count = 0;
    int64_t arrival = 0;

    for (size_t i = 0; i < delivery->count; i++) {
        if (!is_to_be_stored(batch, i)) {
            continue;
        }
        arrival = pg_arrivals_next(arrivals);
        if (arrival <= batch->row->last_arrival) {
            return false;
        }
        if (count == 0) {
            delivery->first_arrival = (uint64_t)arrival;
        }
        add_message(messages, delivery, batch->row, &delivery->messages[i],
                    arrival, count++);
        if (narrow != NULL) {
            add_has_json(messages, delivery, i, narrow);
        }
    }
    delivery->last_arrival = (uint64_t)arrival;
    delivery->stored_count = count;
    delivery->repeat_count = delivery->count - count;
    if (count > 0) {
        add_batch(messages, delivery, batch->row);
        messages->last_arrival = arrival;
    }
    row_set(batch->row, delivery);
    return true;
}

int pg_messages_write(struct pg_messages *messages, uint64_t now_ms,
                      struct pg_statement *statements)
{
    struct pg_array *arrays[ARRAY_COUNT];
    int error = pg_columns_finish(&messages->columns);

    arrays_of(messages, arrays);
    pg_statement_init(&statements[0], messages->stored_sql);
    pg_statement_init(&statements[1], messages->batches_sql);
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        error = error == 0 ? pg_array_finish(arrays[i]) : error;
        pg_statement_array(&statements[i < 6 ? 0 : 1], arrays[i]);
    }
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_statement_array(&statements[0], &messages->columns.texts[i]);
    }
    pg_statement_number(&statements[0], messages->arrivals.count);
    pg_statement_number(&statements[1], (int64_t)now_ms);
    pg_statement_number(&statements[1], messages->firsts.count);
    return error;
}
