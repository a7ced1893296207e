/*
 * pg_move_rows.c - adds rows to the tables.
 *
 *   - Each column is an array, and one INSERT adds what unnest() makes of them.
 *   - The number of rows that were added is compared, in case somebody has
 *     created a trigger or a rule.
 *   - With messages, the place up to which they are there is stored by the same
 *     statement. So each is added once, whatever happens in between.
 *   - With what was purged, messages are deleted that an earlier attempt has
 *     copied.
 *   - Queues get a note in place of their state, for as long as the inbox is
 *     not complete.
 *
 * Failures:
 *
 *   - The server cannot make jsonb of a message: it is asked for each one, and
 *     those that it refuses get none.
 */
#include "inbox/postgres/pg_move_rows.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "fleet/placement.h"
#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_jsonb.h"

#define ROWS_MAX 2000               /* of a statement */
#define BYTES_MAX ((size_t)4 << 20) /* the same; one row may have more */
#define SERVER 1                    /* column of QUEUES */
#define FORMAT 4                    /* column of MESSAGES */
#define BODY 5                      /* likewise */

static const char *const part_what[INBOX_MOVE_PART_COUNT] = {
    [INBOX_MOVE_QUEUES] = "add queues",
    [INBOX_MOVE_PURGED] = "add what was purged",
    [INBOX_MOVE_MESSAGES] = "add messages",
    [INBOX_MOVE_BATCHES] = "add batches",
    [INBOX_MOVE_OUTLETS] = "add outlets",
    [INBOX_MOVE_POSITIONS] = "add positions of outlets",
    [INBOX_MOVE_LETTERS] = "add dead letters",
    [INBOX_MOVE_REPLAYS] = "add replays",
};

#define WRITTEN ") SELECT count(*) FROM written"

static const char *const part_sql[INBOX_MOVE_PART_COUNT] = {
    [INBOX_MOVE_QUEUES] =
        "WITH written AS (INSERT INTO @queues AS q (id, server, queue,"
        " unconfirmed, unconfirmed_from, newest_batch, last_arrival, state,"
        " moved_state, slot) SELECT n.id, n.server, n.queue, n.unconfirmed,"
        " n.first, n.newest, n.last,"
        " convert_to('" INBOX_NOTE_MOVED "', 'UTF8'), n.state, n.slot"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) AS n (id, server,"
        "  queue, unconfirmed, first, newest, last, state, slot)"
        " ON CONFLICT (id) DO UPDATE SET unconfirmed = excluded.unconfirmed,"
        " unconfirmed_from = excluded.unconfirmed_from,"
        " newest_batch = excluded.newest_batch,"
        " last_arrival = excluded.last_arrival,"
        " moved_state = excluded.moved_state"
        " WHERE q.server = excluded.server AND q.queue = excluded.queue"
        " RETURNING 1" WRITTEN,
    [INBOX_MOVE_PURGED] =
        "WITH gone AS (DELETE FROM @stored WHERE arrival = ANY ($1)),"
        " written AS (INSERT INTO @purged (arrival, queue, at, why, key)"
        " SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT"
        " (queue, arrival) DO UPDATE SET at = excluded.at RETURNING 1" WRITTEN,
    [INBOX_MOVE_MESSAGES] =
        "WITH moved AS (UPDATE @inbox SET moved_until = $13),"
        " written AS (INSERT INTO @stored (arrival, queue, batch, position,"
        " body, body_json, id, datetime, action, object_ref, record_version)"
        " SELECT n.arrival, n.queue, n.batch, n.position, n.body,"
        " CASE WHEN n.has_json THEN convert_from(n.body, 'UTF8')::jsonb END,"
        " n.id, n.datetime, n.action, n.ref, n.version"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " AS n (arrival, queue, batch, position, format, body, has_json, id,"
        "  datetime, action, ref, version) RETURNING 1" WRITTEN,
    [INBOX_MOVE_BATCHES] =
        "WITH written AS (INSERT INTO @batches (first_arrival, queue, count,"
        " format, fetched_at, stored_at, marked_at)"
        " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (first_arrival) DO UPDATE"
        " SET marked_at = excluded.marked_at RETURNING 1" WRITTEN,
    [INBOX_MOVE_OUTLETS] = "WITH written AS (INSERT INTO @outlets (id, name)"
                           " SELECT * FROM unnest($1, $2) RETURNING 1" WRITTEN,
    [INBOX_MOVE_POSITIONS] =
        "WITH written AS (INSERT INTO @positions (outlet, queue, position)"
        " SELECT * FROM unnest($1, $2, $3) RETURNING 1" WRITTEN,
    [INBOX_MOVE_LETTERS] =
        "WITH written AS (INSERT INTO @dead_letters (outlet, arrival, queue,"
        " why, attempts, at) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)"
        " RETURNING 1" WRITTEN,
    [INBOX_MOVE_REPLAYS] =
        "WITH written AS (INSERT INTO @replays (id, outlet, queue, of_letters,"
        " new_identity, since, until, cursor, last, delivered, refused, state,"
        " created_at, changed_at, why) SELECT n.id, n.outlet, n.queue,"
        " n.letters <> 0, n.identity <> 0, n.since, n.until, n.cursor, n.last,"
        " n.delivered, n.refused, n.state, n.created, n.changed, n.why"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
        "  $14, $15) AS n (id, outlet, queue, letters, identity, since, until,"
        "  cursor, last, delivered, refused, state, created, changed, why)"
        " RETURNING 1" WRITTEN,
};

static enum pg_element element_of(char kind)
{
    return kind == 'n' ? PG_INT8 : kind == 't' ? PG_TEXT : PG_BYTEA;
}

int pg_move_rows_init(struct pg_move_rows *rows, bool has_jsonb)
{
    memset(rows, 0, sizeof(*rows));
    rows->has_jsonb = has_jsonb;
    for (int part = 0; part < INBOX_MOVE_PART_COUNT; part++) {
        for (size_t i = 0; inbox_move_columns[part][i] != '\0'; i++) {
            pg_array_init(&rows->columns[part][i],
                          element_of(inbox_move_columns[part][i]));
        }
    }
    pg_array_init(&rows->slots, PG_INT8);
    pg_array_init(&rows->has_json, PG_BOOL);
    return pg_columns_init(&rows->message_texts);
}

void pg_move_rows_free(struct pg_move_rows *rows)
{
    for (int part = 0; part < INBOX_MOVE_PART_COUNT; part++) {
        for (size_t i = 0; inbox_move_columns[part][i] != '\0'; i++) {
            pg_array_free(&rows->columns[part][i]);
        }
    }
    pg_array_free(&rows->slots);
    pg_array_free(&rows->has_json);
    pg_columns_free(&rows->message_texts);
}

/* Collecting */

/* SQLite takes any bytes for a text. */
static void add_text(struct pg_array *column, struct haplo_slice text)
{
    if (pg_text_can_hold(text)) {
        pg_array_slice(column, text);
    } else {
        pg_array_text(column, "?");
    }
}

static void add_value(struct pg_array *column, char kind,
                      const struct inbox_move_value *value)
{
    if (value->is_null) {
        pg_array_null(column);
    } else if (kind == 'n') {
        pg_array_number(column, value->number);
    } else if (kind == 't') {
        add_text(column, value->bytes);
    } else {
        pg_array_bytes(column, value->bytes);
    }
}

static void add_slot(struct pg_move_rows *rows, struct haplo_slice server)
{
    char name[HAPLO_NAME_SIZE_MAX + 1];

    (void)snprintf(name, sizeof(name), "%.*s", (int)server.size, server.data);
    pg_array_number(&rows->slots, placement_slot(name));
}

static void add_message(struct pg_move_rows *rows,
                        const struct inbox_move_value *row)
{
    enum haplo_format format = (enum haplo_format)row[FORMAT].number;

    rows->last_arrival = (uint64_t)row[0].number;
    pg_columns_add_body(&rows->message_texts, row[BODY].bytes, format);
    pg_array_bool(&rows->has_json, rows->has_jsonb &&
                                       format == HAPLO_FORMAT_JSON &&
                                       pg_jsonb_can_hold(row[BODY].bytes));
}

void pg_move_rows_add(struct pg_move_rows *rows, enum inbox_move_part part,
                      const struct inbox_move_value *row)
{
    const char *kinds = inbox_move_columns[part];

    assert(rows->count == 0 || rows->part == part);
    rows->part = part;
    rows->count++;
    for (size_t i = 0; kinds[i] != '\0'; i++) {
        add_value(&rows->columns[part][i], kinds[i], &row[i]);
        rows->bytes += row[i].bytes.size;
    }
    if (part == INBOX_MOVE_QUEUES) {
        add_slot(rows, row[SERVER].bytes);
    } else if (part == INBOX_MOVE_MESSAGES) {
        add_message(rows, row);
    }
}

bool pg_move_rows_are_many(const struct pg_move_rows *rows)
{
    return rows->count >= ROWS_MAX || rows->bytes >= BYTES_MAX;
}

static void clear(struct pg_move_rows *rows)
{
    for (size_t i = 0; inbox_move_columns[rows->part][i] != '\0'; i++) {
        pg_array_clear(&rows->columns[rows->part][i]);
    }
    pg_array_clear(&rows->slots);
    pg_array_clear(&rows->has_json);
    pg_columns_clear(&rows->message_texts);
    rows->count = 0;
    rows->bytes = 0;
}

/* Writing */

static int finish_arrays(struct pg_move_rows *rows)
{
    int error = pg_columns_finish(&rows->message_texts);

    for (size_t i = 0; error == 0 && inbox_move_columns[rows->part][i] != '\0';
         i++) {
        error = pg_array_finish(&rows->columns[rows->part][i]);
    }
    error = error == 0 ? pg_array_finish(&rows->slots) : error;
    return error == 0 ? pg_array_finish(&rows->has_json) : error;
}

static void set_parameters(struct pg_move_rows *rows,
                           struct pg_statement *statement)
{
    pg_statement_init(statement, NULL);
    for (size_t i = 0; inbox_move_columns[rows->part][i] != '\0'; i++) {
        pg_statement_array(statement, &rows->columns[rows->part][i]);
    }
    if (rows->part == INBOX_MOVE_QUEUES) {
        pg_statement_array(statement, &rows->slots);
    }
    if (rows->part == INBOX_MOVE_MESSAGES) {
        pg_statement_array(statement, &rows->has_json);
        for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
            pg_statement_array(statement, &rows->message_texts.texts[i]);
        }
        pg_statement_number(statement, (int64_t)rows->last_arrival);
    }
}

static int check_count(const struct pg_move_rows *rows, PGresult *result,
                       struct pg_blocking *blocking)
{
    bool is_same = pg_number(result, 0, 0) == (int64_t)rows->count;

    PQclear(result);
    return is_same ? 0
                   : reason_set(&blocking->why, HAPLO_EDELIVERY,
                                "schema %s: %s: rows that were written have "
                                "disappeared: remove triggers and rules from "
                                "its tables, and drop and create it again",
                                blocking->schema, part_what[rows->part]);
}

static bool is_json_suspect(const struct pg_move_rows *rows,
                            const struct pg_blocking *blocking)
{
    return rows->part == INBOX_MOVE_MESSAGES && rows->has_jsonb &&
           pg_fault_is_of_value(blocking->sqlstate);
}

/* Asks the server. Sets *has_json; or returns HAPLO_E* with why set. */
static int try_json(struct pg_blocking *blocking, struct haplo_slice body,
                    bool *has_json)
{
    struct pg_statement statement;
    PGresult *result;

    pg_statement_init(&statement, NULL);
    pg_statement_bytes(&statement, body);
    result = pg_blocking_query(blocking, "make jsonb",
                               "SELECT convert_from($1, 'UTF8')::jsonb IS NULL",
                               &statement);
    PQclear(result);
    *has_json = result != NULL;
    return *has_json || pg_fault_is_of_value(blocking->sqlstate)
               ? 0
               : HAPLO_EDELIVERY;
}

static int try_each_json(struct pg_move_rows *rows,
                         struct pg_blocking *blocking)
{
    const struct pg_array *bodies = &rows->columns[INBOX_MOVE_MESSAGES][BODY];
    struct pg_array tried;
    size_t body_offset = 0;
    size_t flag_offset = 0;
    int error = 0;

    pg_array_init(&tried, PG_BOOL);
    for (size_t i = 0; error == 0 && i < rows->count; i++) {
        struct haplo_slice body = pg_array_next(bodies, &body_offset);
        bool has_json =
            pg_array_next(&rows->has_json, &flag_offset).data[0] != '\0';

        if (has_json) {
            error = try_json(blocking, body, &has_json);
        }
        pg_array_bool(&tried, has_json);
    }
    pg_array_free(&rows->has_json);
    rows->has_json = tried;
    return error;
}

static PGresult *execute(struct pg_move_rows *rows,
                         struct pg_blocking *blocking)
{
    struct pg_statement statement;

    if (finish_arrays(rows) != 0) {
        blocking->sqlstate[0] = '\0';
        (void)reason_set(&blocking->why, 0, "out of memory");
        return NULL;
    }
    set_parameters(rows, &statement);
    return pg_blocking_query(blocking, part_what[rows->part],
                             part_sql[rows->part], &statement);
}

int pg_move_rows_write(struct pg_move_rows *rows, struct pg_blocking *blocking)
{
    PGresult *result;
    int error;

    if (rows->count == 0) {
        return 0;
    }
    result = execute(rows, blocking);
    if (result == NULL && is_json_suspect(rows, blocking) &&
        try_each_json(rows, blocking) == 0) {
        result = execute(rows, blocking);
    }
    error =
        result != NULL ? check_count(rows, result, blocking) : HAPLO_EDELIVERY;
    clear(rows);
    return error;
}
