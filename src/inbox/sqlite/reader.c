#include "inbox/sqlite/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/paced_vfs.h"

static const char *const statement_sql[READER_STATEMENT_COUNT] = {
    [READER_AFTER] = "SELECT arrival, queue, position, body FROM stored"
                     " WHERE arrival > ?1 ORDER BY arrival LIMIT ?2",
    [READER_DEFERRED] =
        "SELECT s.arrival, s.queue, s.position, s.body"
        " FROM deferred AS d CROSS JOIN stored AS s ON s.arrival = d.arrival"
        " WHERE d.outlet = ?3 AND d.queue = ?4 AND d.arrival > ?1"
        " ORDER BY d.arrival LIMIT ?2",
    /* What is deferred will be delivered anyway. */
    [READER_REPLAY] =
        "SELECT s.arrival, s.queue, s.position, s.body FROM stored AS s"
        " WHERE s.arrival > ?1 AND s.arrival <= ?4 AND NOT EXISTS"
        " (SELECT 1 FROM deferred AS d WHERE d.outlet = ?3"
        "  AND d.queue = s.queue AND d.arrival = s.arrival)"
        " ORDER BY s.arrival LIMIT ?2",
    [READER_REPLAY_LETTERS] =
        "SELECT s.arrival, s.queue, s.position, s.body FROM dead_letters AS d"
        " CROSS JOIN stored AS s ON s.arrival = d.arrival"
        " WHERE d.outlet = ?3 AND d.arrival > ?1 AND d.arrival <= ?4"
        " AND d.at >= ?5 AND d.at < ?6 ORDER BY d.arrival LIMIT ?2",
    [READER_QUEUE] = "SELECT server, queue FROM queues WHERE id = ?1",
    [READER_BATCH] = "SELECT count, format, fetched_at FROM batches"
                     " WHERE first_arrival = ?1",
    [READER_OUTLET] = "SELECT id, cursor FROM outlets WHERE name = ?1",
    [READER_LANES] =
        "SELECT d.queue, min(d.arrival), count(*), q.server, q.queue"
        " FROM deferred AS d JOIN queues AS q ON q.id = d.queue"
        " WHERE d.outlet = (SELECT id FROM outlets WHERE name = ?1)"
        " AND EXISTS (SELECT 1 FROM stored AS s WHERE s.arrival = d.arrival)"
        " GROUP BY d.queue ORDER BY 2",
    [READER_NEWEST] = "SELECT seq FROM sqlite_sequence WHERE name = 'stored'",
    [READER_SINCE] =
        "SELECT min(first_arrival) - 1 FROM batches WHERE fetched_at >= ?1",
};

int reader_open(struct reader *reader, struct reason *why)
{
    int error =
        connection_open(reader->path, paced_vfs_name(), &reader->db, why);
    int code;

    if (error != 0) {
        return error;
    }
    /* Its checkpoints must be as durable as the commits of the writer. */
    code = connection_run(reader->db, "PRAGMA synchronous = FULL;"
                                      "PRAGMA wal_autocheckpoint = 0");
    for (int i = 0; code == SQLITE_OK && i < READER_STATEMENT_COUNT; i++) {
        code = sqlite3_prepare_v3(reader->db, statement_sql[i], -1,
                                  SQLITE_PREPARE_PERSISTENT,
                                  &reader->statements[i], NULL);
    }
    if (code != SQLITE_OK) {
        return db_explain(reader->db, reader->path, code, why);
    }
    return db_watch_start(reader->db, &reader->watch, why);
}

void reader_close(struct reader *reader)
{
    for (int i = 0; i < READER_STATEMENT_COUNT; i++) {
        /* Repeats an error reported before. */
        (void)sqlite3_finalize(reader->statements[i]);
    }
    connection_close(reader->db);
    reader->db = NULL;
}

static int reader_error(struct reader *reader, int code, struct reason *why)
{
    reader->is_suspect |= db_is_damage(code);
    return db_explain(reader->db, reader->path, code, why);
}

/* Outlets and lanes */

/* Runs a query for one number; *is_found false: no row, or NULL. */
static int number_read(sqlite3_stmt *select, uint64_t *number, bool *is_found)
{
    int code = sqlite3_step(select);

    *is_found =
        code == SQLITE_ROW && sqlite3_column_type(select, 0) != SQLITE_NULL;
    if (*is_found) {
        *number = (uint64_t)sqlite3_column_int64(select, 0);
    }
    (void)sqlite3_reset(select); /* repeats the error */
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The cursor of an outlet that starts at this time. Clocks jump, so batches are
 * not in the order of their times: all of them are looked at, once. */
static int start_find(struct reader *reader, uint64_t start_ms,
                      uint64_t *cursor)
{
    sqlite3_stmt *since = reader->statements[READER_SINCE];
    bool is_found = start_ms == INBOX_START_BEGINNING;
    int code = SQLITE_OK;

    *cursor = 0;
    if (!is_found && start_ms != INBOX_START_NOW) {
        code = sqlite3_bind_int64(since, 1, (sqlite3_int64)start_ms);
        if (code == SQLITE_OK) {
            code = number_read(since, cursor, &is_found);
        }
    }
    if (code == SQLITE_OK && !is_found) {
        code =
            number_read(reader->statements[READER_NEWEST], cursor, &is_found);
    }
    return code;
}

void reader_outlet(struct reader *reader, struct inbox_outlet_request *request)
{
    sqlite3_stmt *select = reader->statements[READER_OUTLET];
    struct inbox_outlet *outlet = request->outlet;
    int code = sqlite3_bind_text(select, 1, outlet->name, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    outlet->is_new = code == SQLITE_DONE;
    if (code == SQLITE_ROW) {
        outlet->id = (uint64_t)sqlite3_column_int64(select, 0);
        outlet->cursor = (uint64_t)sqlite3_column_int64(select, 1);
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    if (outlet->is_new) {
        code = start_find(reader, request->start_ms, &outlet->cursor);
    }
    if (code != SQLITE_ROW && code != SQLITE_OK) {
        request->error = reader_error(reader, code, &request->why);
    }
}

static char *column_copy(sqlite3_stmt *select, int column)
{
    const char *text = (const char *)sqlite3_column_text(select, column);

    return text != NULL ? strdup(text) : NULL;
}

/* Adds the lane of the current row. */
static int lane_add(sqlite3_stmt *select, struct inbox_outlet_request *request)
{
    size_t count = request->lane_count;
    struct inbox_deferred_lane *lanes = request->lanes;
    struct inbox_deferred_lane *lane;

    if ((count & (count - 1)) == 0) { /* double the capacity */
        lanes = realloc(lanes, (count == 0 ? 1 : 2 * count) * sizeof(*lanes));
        if (lanes == NULL) {
            return SQLITE_NOMEM;
        }
        request->lanes = lanes;
    }
    lane = &lanes[request->lane_count++];
    lane->queue_id = (uint64_t)sqlite3_column_int64(select, 0);
    lane->first_arrival = (uint64_t)sqlite3_column_int64(select, 1);
    lane->count = (uint64_t)sqlite3_column_int64(select, 2);
    lane->server = column_copy(select, 3);
    lane->queue = column_copy(select, 4);
    return lane->server == NULL || lane->queue == NULL ? SQLITE_NOMEM
                                                       : SQLITE_ROW;
}

void reader_lanes(struct reader *reader, struct inbox_outlet_request *request)
{
    sqlite3_stmt *select = reader->statements[READER_LANES];
    int code =
        sqlite3_bind_text(select, 1, request->outlet->name, -1, SQLITE_STATIC);

    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(select);
        if (code == SQLITE_ROW) {
            code = lane_add(select, request);
        }
    }
    if (code != SQLITE_DONE) {
        request->error = reader_error(reader, code, &request->why);
    }
    (void)sqlite3_reset(select); /* repeats the error above */
}

void reader_lane_names(struct inbox_outlet_request *request)
{
    for (size_t i = 0; i < request->lane_count; i++) {
        struct inbox_deferred_lane *lane = &request->lanes[i];
        struct inbox_queue *queue = NULL;

        if (request->error == 0) {
            queue = inbox_store_queue(request->outlet->inbox, lane->queue_id,
                                      lane->server, lane->queue,
                                      (struct haplo_slice){NULL, 0});
            request->error = queue != NULL
                                 ? 0
                                 : reason_set(&request->why, HAPLO_ENOMEM,
                                              "out of memory for names");
        }
        free((char *)lane->server);
        free((char *)lane->queue);
        lane->server = queue != NULL ? queue->server : NULL;
        lane->queue = queue != NULL ? queue->name : NULL;
    }
}
