/*
 * move_source.c - reads a whole inbox for inbox_move().
 *
 *   - It is opened as by a process that stores messages, so with its lock.
 *   - One transaction has the write lock of SQLite from the beginning to the
 *     end, against processes whose lock file was removed, and other programs.
 *   - Rows are read as they are; only the places up to which an outlet has got
 *     in each queue are derived.
 *   - The mark is written, and the transaction committed.
 *
 * An outlet has one cursor here, and deferred messages before it. A lane stops
 * at the first message that is not done, and later ones are deferred as well
 * (core/lane.h). One in doubt, after which a lane continues, becomes a dead
 * letter in the transaction that stores that a later one was accepted. So all
 * of the lane before its first deferred message is done, and after it nothing
 * but what the outlet does not want.
 */
#include "inbox/sqlite/move_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/container_of.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/db_value.h"
#include "inbox/sqlite/environment_mark.h"
#include "inbox/sqlite/moved_mark.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "inbox/sqlite/writer.h"

struct move_source {
    struct inbox_source base; /* must be first */
    char *path;               /* owned */
    struct writer writer;     /* has its lock, and a transaction */
};

/* ?1: only what is above. */
static const char *const part_sql[INBOX_MOVE_PART_COUNT] = {
    [INBOX_MOVE_QUEUES] =
        "SELECT q.id, q.server, q.queue, q.unconfirmed, q.unconfirmed_from,"
        " q.newest_batch, coalesce(b.first_arrival + b.count - 1,"
        "  q.newest_batch, 0), q.state"
        " FROM queues AS q LEFT JOIN batches AS b"
        "  ON b.first_arrival = q.newest_batch"
        " WHERE q.id > ?1 ORDER BY q.id",
    [INBOX_MOVE_PURGED] = "SELECT arrival, queue, at, why, key FROM purged"
                          " WHERE arrival > ?1 ORDER BY arrival",
    [INBOX_MOVE_MESSAGES] =
        "SELECT s.arrival, s.queue, s.arrival - s.position, s.position,"
        " coalesce(b.format, 0), s.body FROM stored AS s"
        " LEFT JOIN batches AS b ON b.first_arrival = s.arrival - s.position"
        " WHERE s.arrival > ?1 ORDER BY s.arrival",
    [INBOX_MOVE_BATCHES] =
        "SELECT first_arrival, queue, count, format, fetched_at, stored_at,"
        " marked_at FROM batches WHERE first_arrival > ?1"
        " ORDER BY first_arrival",
    [INBOX_MOVE_OUTLETS] =
        "SELECT id, name FROM outlets WHERE id > ?1 ORDER BY id",
    [INBOX_MOVE_POSITIONS] =
        "SELECT o.id, q.id, coalesce((SELECT min(d.arrival) - 1"
        "  FROM deferred AS d WHERE d.outlet = o.id AND d.queue = q.id),"
        "  o.cursor) AS position"
        " FROM outlets AS o CROSS JOIN queues AS q WHERE position > ?1",
    [INBOX_MOVE_LETTERS] =
        "SELECT outlet, arrival, queue, why, attempts, at FROM dead_letters"
        " WHERE arrival > ?1",
    [INBOX_MOVE_REPLAYS] =
        "SELECT id, outlet, queue, of_letters, new_identity, since, until,"
        " cursor, last, delivered, refused, state, created_at, changed_at, why"
        " FROM replays WHERE id > ?1 ORDER BY id",
};

static struct move_source *source_of(struct inbox_source *base)
{
    return container_of(base, struct move_source, base);
}

static int explain(struct move_source *source, int code, struct reason *why)
{
    source->writer.is_suspect |= db_is_damage(code);
    return db_explain(source->writer.db, source->path, code, why);
}

/* Rows */

static int value_take(sqlite3_stmt *statement, int column, char kind,
                      struct inbox_move_value *value)
{
    value->is_null = sqlite3_column_type(statement, column) == SQLITE_NULL;
    value->number = sqlite3_column_int64(statement, column);
    value->bytes = (struct haplo_slice){NULL, 0};
    return kind == 'n' || value->is_null
               ? SQLITE_OK
               : db_column_bytes(statement, column, &value->bytes);
}

static int row_take(sqlite3_stmt *statement, const char *kinds,
                    struct inbox_move_value *row)
{
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && kinds[i] != '\0'; i++) {
        code = value_take(statement, i, kinds[i], &row[i]);
    }
    return code;
}

/* Returns SQLITE_OK or SQLite's code; *error is what row_cb has returned. */
static int rows_take(sqlite3_stmt *statement, const char *kinds,
                     inbox_move_row_cb row_cb, void *data, int *error)
{
    struct inbox_move_value row[INBOX_MOVE_COLUMNS_MAX];
    int code = SQLITE_ROW;

    while (*error == 0 && code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            code = row_take(statement, kinds, row);
            if (code != SQLITE_OK) {
                return code;
            }
            code = SQLITE_ROW;
            *error = row_cb(row, data);
        }
    }
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int source_read(struct inbox_source *base, enum inbox_move_part part,
                       uint64_t after, inbox_move_row_cb row_cb, void *data,
                       struct reason *why)
{
    struct move_source *source = source_of(base);
    sqlite3_stmt *statement;
    int error = 0;
    int code =
        db_query(source->writer.db, &statement, part_sql[part], "i", after);

    if (code == SQLITE_OK) {
        code = rows_take(statement, inbox_move_columns[part], row_cb, data,
                         &error);
        if (code != SQLITE_OK) {
            error = explain(source, code, why);
        }
        (void)sqlite3_finalize(statement); /* repeats the error above */
        return error;
    }
    return explain(source, code, why);
}

/* The end */

static int source_leave(struct inbox_source *base, const char *uuid,
                        struct reason *why)
{
    struct move_source *source = source_of(base);
    int code = moved_mark_write(source->writer.db, uuid);

    if (code != SQLITE_OK) {
        return explain(source, code, why);
    }
    if (writer_commit(&source->writer) != INBOX_FINE) {
        *why = source->writer.why;
        return HAPLO_EDELIVERY;
    }
    return 0;
}

static void source_close(struct inbox_source *base)
{
    struct move_source *source = source_of(base);

    if (source->writer.db != NULL) {
        writer_rollback(&source->writer);
    }
    writer_close(&source->writer);
    free(source->path);
    free(source);
}

static const struct inbox_source_ops ops = {
    .read = source_read,
    .leave = source_leave,
    .close = source_close,
};

/* Opening */

static int facts_read(struct move_source *source)
{
    struct inbox_source *base = &source->base;
    sqlite3_stmt *select;
    const char *uuid;
    int code = db_query(
        source->writer.db, &select,
        "SELECT uuid,"
        " max((SELECT coalesce(max(arrival), 0) FROM stored),"
        "  coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'stored'),"
        "   0)),"
        " (SELECT coalesce(max(arrival), 0) FROM stored),"
        " coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'replays'),"
        "  0) FROM inbox",
        "");

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        uuid = (const char *)sqlite3_column_text(select, 0);
        code = uuid != NULL ? SQLITE_OK : SQLITE_NOMEM;
        (void)snprintf(base->uuid, sizeof(base->uuid), "%s",
                       uuid != NULL ? uuid : "");
        base->highest_arrival = (uint64_t)sqlite3_column_int64(select, 1);
        base->last_arrival = (uint64_t)sqlite3_column_int64(select, 2);
        base->highest_replay = (uint64_t)sqlite3_column_int64(select, 3);
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

/* The writer would create it. */
static int file_check(const char *path, struct reason *why)
{
    struct stat status;

    return stat(path, &status) == 0 && status.st_size > 0
               ? 0
               : reason_set(why, HAPLO_EINVAL,
                            "%s: is missing or empty: is its disk mounted?",
                            path);
}

static int open_file(struct move_source *source, const char *environment,
                     struct reason *why)
{
    struct writer *writer = &source->writer;
    int error = file_check(source->path, why);
    int code;

    if (error != 0) {
        return error;
    }
    writer->path = source->path;
    writer->used_by = "haplo-poll inbox move";
    error = writer_open(writer);
    if (error == 0 && writer_begin(writer) != INBOX_FINE) {
        error = HAPLO_EBUSY;
    }
    if (error != 0) {
        *why = writer->why;
        return error;
    }
    error = environment_mark_claim(writer->db, source->path, environment, why);
    if (error == 0) {
        code = facts_read(source);
        code = code == SQLITE_OK
                   ? moved_mark_read(writer->db, source->base.moved_to)
                   : code;
        error = code != SQLITE_OK ? explain(source, code, why) : 0;
    }
    return error;
}

int move_source_open(const void *options, const char *environment,
                     struct inbox_source **out, struct reason *why)
{
    const struct sqlite_inbox_options *own = options;
    struct move_source *source = calloc(1, sizeof(*source));
    int error;

    if (source == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    source->base.ops = &ops;
    source->writer.lock.descriptor = -1;
    source->writer.has_secure_delete = own->has_secure_delete;
    source->path = connection_path(own->path);
    error = source->path != NULL
                ? open_file(source, environment, why)
                : reason_set(why, HAPLO_ENOMEM, "out of memory");
    if (error != 0) {
        source->writer.is_suspect = true; /* leave everything as it is */
        source_close(&source->base);
        return error;
    }
    *out = &source->base;
    return 0;
}
