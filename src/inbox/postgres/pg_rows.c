#include "inbox/postgres/pg_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/placement.h"
#include "inbox/postgres/pg_names.h"

/* Sorted, as other processes do, against deadlocks. */
#define ADD_SQL                                          \
    "INSERT INTO @queues (server, queue, slot, state)"   \
    " SELECT n.server, n.queue, n.slot, ''"              \
    " FROM unnest($1::text[], $2::text[], $3::bigint[])" \
    " AS n(server, queue, slot)"                         \
    " ORDER BY 1, 2 ON CONFLICT (server, queue) DO NOTHING"

#define LOCK_SQL                                                      \
    "SELECT n.index, q.id, q.unconfirmed, q.unconfirmed_from,"        \
    " q.newest_batch, q.last_arrival, q.state"                        \
    " FROM unnest($1::text[], $2::text[])"                            \
    " WITH ORDINALITY AS n(server, queue, index)"                     \
    " JOIN @queues AS q ON q.server = n.server AND q.queue = n.queue" \
    " ORDER BY q.id FOR UPDATE OF q"

/* Fails with a division by zero if a row was not written, because somebody has
 * added a trigger or a rule: then nothing must be committed. */
#define WRITE_SQL                                                           \
    "WITH written AS (UPDATE @queues AS q SET unconfirmed = n.unconfirmed," \
    " unconfirmed_from = n.first, newest_batch = n.newest,"                 \
    " last_arrival = n.last, state = n.state"                               \
    " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],"  \
    " $5::bigint[], $6::bytea[])"                                           \
    " AS n(id, unconfirmed, first, newest, last, state)"                    \
    " WHERE q.id = n.id RETURNING 1)"                                       \
    " SELECT 1 / (count(*) = $7)::integer FROM written"

int pg_rows_init(struct pg_rows *rows, const char *schema)
{
    memset(rows, 0, sizeof(*rows));
    pg_array_init(&rows->servers, PG_TEXT);
    pg_array_init(&rows->queues, PG_TEXT);
    pg_array_init(&rows->new_servers, PG_TEXT);
    pg_array_init(&rows->new_queues, PG_TEXT);
    pg_array_init(&rows->new_slots, PG_INT8);
    pg_array_init(&rows->ids, PG_INT8);
    pg_array_init(&rows->counts, PG_INT8);
    pg_array_init(&rows->firsts, PG_INT8);
    pg_array_init(&rows->newest, PG_INT8);
    pg_array_init(&rows->last, PG_INT8);
    pg_array_init(&rows->states, PG_BYTEA);
    rows->add_sql = pg_names_expand(schema, ADD_SQL);
    rows->lock_sql = pg_names_expand(schema, LOCK_SQL);
    rows->write_sql = pg_names_expand(schema, WRITE_SQL);
    return rows->add_sql != NULL && rows->lock_sql != NULL &&
                   rows->write_sql != NULL
               ? 0
               : HAPLO_ENOMEM;
}

void pg_rows_free(struct pg_rows *rows)
{
    free(rows->items);
    PQclear(rows->result);
    pg_array_free(&rows->servers);
    pg_array_free(&rows->queues);
    pg_array_free(&rows->new_servers);
    pg_array_free(&rows->new_queues);
    pg_array_free(&rows->new_slots);
    pg_array_free(&rows->ids);
    pg_array_free(&rows->counts);
    pg_array_free(&rows->firsts);
    pg_array_free(&rows->newest);
    pg_array_free(&rows->last);
    pg_array_free(&rows->states);
    free(rows->add_sql);
    free(rows->lock_sql);
    free(rows->write_sql);
}

/* Collecting */

static int compare_queues(const void *a, const void *b)
{
    const struct pg_row *first = a;
    const struct pg_row *second = b;

    return first->queue < second->queue ? -1 : first->queue > second->queue;
}

static bool rows_reserve(struct pg_rows *rows, size_t count)
{
    struct pg_row *items;

    if (count <= rows->capacity) {
        return true;
    }
    items = realloc(rows->items, count * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    rows->items = items;
    rows->capacity = count;
    return true;
}

static void row_add(struct pg_rows *rows, const struct inbox_queue *queue)
{
    rows->items[rows->count++] = (struct pg_row){.queue = queue};
}

static void rows_sort(struct pg_rows *rows)
{
    size_t count = 0;

    qsort(rows->items, rows->count, sizeof(*rows->items), compare_queues);
    for (size_t i = 0; i < rows->count; i++) {
        if (i == 0 || rows->items[i].queue != rows->items[i - 1].queue) {
            rows->items[count++] = rows->items[i];
        }
    }
    rows->count = count;
}

static int rows_name(struct pg_rows *rows, bool is_each_new)
{
    int error;

    for (size_t i = 0; i < rows->count; i++) {
        const struct inbox_queue *queue = rows->items[i].queue;

        pg_array_text(&rows->servers, queue->server);
        pg_array_text(&rows->queues, queue->name);
        if (is_each_new || queue->id == 0) {
            pg_array_text(&rows->new_servers, queue->server);
            pg_array_text(&rows->new_queues, queue->name);
            pg_array_number(&rows->new_slots, placement_slot(queue->server));
        }
    }
    error = pg_array_finish(&rows->servers);
    error = error == 0 ? pg_array_finish(&rows->queues) : error;
    error = error == 0 ? pg_array_finish(&rows->new_servers) : error;
    error = error == 0 ? pg_array_finish(&rows->new_slots) : error;
    return error == 0 ? pg_array_finish(&rows->new_queues) : error;
}

int pg_rows_collect(struct pg_rows *rows, const struct inbox_group *group,
                    bool is_each_new)
{
    const struct inbox_confirm *confirm;
    const struct inbox_replace *replace;
    const struct inbox_delivery *delivery;

    rows->count = 0;
    pg_array_clear(&rows->servers);
    pg_array_clear(&rows->queues);
    pg_array_clear(&rows->new_servers);
    pg_array_clear(&rows->new_queues);
    pg_array_clear(&rows->new_slots);
    if (!rows_reserve(rows, group->part_count)) {
        return HAPLO_ENOMEM;
    }
    STAILQ_FOREACH (confirm, &group->confirms, link) {
        row_add(rows, confirm->queue);
    }
    STAILQ_FOREACH (replace, &group->replaces, link) {
        row_add(rows, replace->queue);
    }
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        row_add(rows, delivery->queue);
    }
    rows_sort(rows);
    return rows_name(rows, is_each_new);
}

bool pg_rows_has_new(const struct pg_rows *rows)
{
    return rows->new_servers.count > 0;
}

void pg_rows_add(const struct pg_rows *rows, struct pg_statement *statement)
{
    pg_statement_init(statement, rows->add_sql);
    pg_statement_array(statement, &rows->new_servers);
    pg_statement_array(statement, &rows->new_queues);
    pg_statement_array(statement, &rows->new_slots);
}

void pg_rows_lock(const struct pg_rows *rows, struct pg_statement *statement)
{
    pg_statement_init(statement, rows->lock_sql);
    pg_statement_array(statement, &rows->servers);
    pg_statement_array(statement, &rows->queues);
}

static int64_t number_or(const PGresult *result, int row, int column,
                         int64_t fallback)
{
    return PQgetisnull(result, row, column) ? fallback
                                            : pg_number(result, row, column);
}

bool pg_rows_locked(struct pg_rows *rows, PGresult *result)
{
    int count = PQntuples(result);

    PQclear(rows->result);
    rows->result = result;
    for (int i = 0; i < count; i++) {
        size_t index = (size_t)pg_number(result, i, 0) - 1;
        struct pg_row *row = &rows->items[index];

        assert(index < rows->count);
        row->id = pg_number(result, i, 1);
        row->unconfirmed.count = number_or(result, i, 2, UNCONFIRMED_UNKNOWN);
        row->unconfirmed.first = number_or(result, i, 3, 0);
        row->newest_batch = number_or(result, i, 4, 0);
        row->last_arrival = pg_number(result, i, 5);
        row->state = pg_bytes(result, i, 6);
        row->is_changed = false; /* an attempt before this one has failed */
    }
    return (size_t)count == rows->count;
}

void pg_rows_release(struct pg_rows *rows)
{
    PQclear(rows->result);
    rows->result = NULL;
}

struct pg_row *pg_rows_of(const struct pg_rows *rows,
                          const struct inbox_queue *queue)
{
    const struct pg_row wanted = {.queue = queue};
    struct pg_row *row = bsearch(&wanted, rows->items, rows->count,
                                 sizeof(*rows->items), compare_queues);

    assert(row != NULL);
    return row;
}

/* Writing */

static void number_or_null(struct pg_array *array, int64_t value,
                           int64_t null_value)
{
    if (value == null_value) {
        pg_array_null(array);
    } else {
        pg_array_number(array, value);
    }
}

static void row_write(struct pg_rows *rows, const struct pg_row *row)
{
    pg_array_number(&rows->ids, row->id);
    number_or_null(&rows->counts, row->unconfirmed.count, UNCONFIRMED_UNKNOWN);
    number_or_null(&rows->firsts, row->unconfirmed.first, 0);
    number_or_null(&rows->newest, row->newest_batch, 0);
    pg_array_number(&rows->last, row->last_arrival);
    pg_array_bytes(&rows->states, row->state);
}

int pg_rows_write(struct pg_rows *rows, struct pg_statement *statement,
                  size_t *count)
{
    struct pg_array *const arrays[] = {&rows->ids,    &rows->counts,
                                       &rows->firsts, &rows->newest,
                                       &rows->last,   &rows->states};
    const size_t array_count = sizeof(arrays) / sizeof(arrays[0]);
    int error = 0;

    for (size_t i = 0; i < array_count; i++) {
        pg_array_clear(arrays[i]);
    }
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->items[i].is_changed) {
            row_write(rows, &rows->items[i]);
        }
    }
    pg_statement_init(statement, rows->write_sql);
    for (size_t i = 0; i < array_count; i++) {
        error = error == 0 ? pg_array_finish(arrays[i]) : error;
        pg_statement_array(statement, arrays[i]);
    }
    *count = rows->ids.count;
    pg_statement_number(statement, (int64_t)*count);
    return error;
}

bool pg_row_copy_state(const struct pg_row *row, struct haplo_slice *copy)
{
    char *bytes = malloc(row->state.size + 1);

    if (bytes == NULL) {
        return false;
    }
    if (row->state.size > 0) {
        memcpy(bytes, row->state.data, row->state.size);
    }
    *copy = (struct haplo_slice){bytes, row->state.size};
    return true;
}

void pg_row_set(struct pg_row *row, struct haplo_slice state)
{
    row->state = state;
    row->is_changed = true;
}
