/*
 * replay_tasks.c - records replays, and how far they have got.
 */
#include <stdio.h>

#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/replay_row.h"
#include "inbox/sqlite/task_write.h"

/* Starting */

/* Messages beyond the cursor have not been forwarded yet. */
#define START                                                                  \
    "INSERT INTO replays (outlet, queue, of_letters, new_identity, since,"     \
    " until, cursor, last, delivered, refused, state, created_at, changed_at," \
    " why) SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, min(?8, cursor), 0, 0, 0, ?9,"   \
    " ?9, '' FROM outlets WHERE id = ?1"

enum inbox_fault replay_start_step(struct writer *writer,
                                   struct inbox_task *task, uint64_t now_ms)
{
    struct inbox_replay *replay = task->replay;
    uint64_t outlet_id;
    enum inbox_fault fault =
        task_outlet_id(writer, task, replay->outlet, &outlet_id);

    task->is_done = true;
    if (fault != INBOX_FINE || task->error != 0) {
        return fault;
    }
    fault = writer_fault(
        writer,
        db_query_run(writer->db, START, "itiiiiiii", outlet_id, replay->queue,
                     (uint64_t)replay->is_of_letters,
                     (uint64_t)replay->has_new_ids, replay->since_ms,
                     replay->until_ms, replay->cursor, replay->last, now_ms));
    replay->id = (uint64_t)sqlite3_last_insert_rowid(writer->db);
    task->count = 1;
    return fault;
}

/* Loading */

static enum inbox_fault load(struct writer *writer, struct inbox_task *task,
                             const char *sql, const char *types, uint64_t id,
                             const char *outlet)
{
    struct inbox_replay row;
    sqlite3_stmt *select;
    int code = types[0] == 'i'
                   ? db_query(writer->db, &select, sql, "i", id)
                   : db_query(writer->db, &select, sql, "t", outlet);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    task->count = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        code = replay_row_read(select, &row);
        if (code == SQLITE_OK) {
            *task->replay = row;
        }
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return writer_fault(writer, code);
}

enum inbox_fault replay_next_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms)
{
    char outlet[HAPLO_NAME_SIZE_MAX + 1];

    (void)now_ms;
    task->is_done = true;
    (void)snprintf(outlet, sizeof(outlet), "%s", task->replay->outlet);
    return load(writer, task,
                REPLAY_ROW_SELECT " WHERE o.name = ?1 AND r.state = 0"
                                  " ORDER BY r.id LIMIT 1",
                "t", 0, outlet);
}

/* Stopping */

enum inbox_fault replay_stop_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms)
{
    struct inbox_replay *replay = task->replay;
    uint64_t id = replay->id;
    enum inbox_fault fault =
        load(writer, task, REPLAY_ROW_SELECT " WHERE r.id = ?1", "i", id, NULL);

    task->is_done = true;
    if (fault != INBOX_FINE) {
        return fault;
    }
    if (task->count == 0) {
        task->error =
            reason_set(&task->why, HAPLO_ENOTFOUND, "there is no replay %llu",
                       (unsigned long long)id);
        return INBOX_FINE;
    }
    if (replay->state != INBOX_REPLAY_RUNNING) {
        task->error =
            reason_set(&task->why, HAPLO_EINVAL, "replay %llu is %s already",
                       (unsigned long long)id,
                       replay->state == INBOX_REPLAY_DONE ? "done" : "stopped");
        return INBOX_FINE;
    }
    replay->state = INBOX_REPLAY_STOPPED;
    return writer_fault(
        writer,
        db_query_run(writer->db,
                     "UPDATE replays SET state = ?2, changed_at = ?3"
                     " WHERE id = ?1",
                     "iii", id, (uint64_t)INBOX_REPLAY_STOPPED, now_ms));
}

/* Saving */

static enum inbox_fault letters_write(struct writer *writer, uint64_t outlet_id,
                                      const struct inbox_replay_marks *marks,
                                      uint64_t now_ms)
{
    int code = SQLITE_OK;

    for (size_t i = 0; code == SQLITE_OK && i < marks->delivered_count; i++) {
        const struct inbox_span *span = &marks->delivered[i];

        code = db_query_run(writer->db,
                            "DELETE FROM dead_letters WHERE outlet = ?1"
                            " AND arrival BETWEEN ?2 AND ?3",
                            "iii", outlet_id, span->first,
                            span->first + span->count - 1);
    }
    for (size_t i = 0; code == SQLITE_OK && i < marks->refused_count; i++) {
        const struct inbox_dead_letter *letter = &marks->refused[i];

        code = db_query_run(
            writer->db,
            "INSERT INTO dead_letters"
            " (outlet, arrival, queue, why, at, attempts)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
            " ON CONFLICT (outlet, arrival) DO UPDATE SET why = excluded.why,"
            " at = excluded.at, attempts = attempts + excluded.attempts",
            "iiitii", outlet_id, letter->arrival, letter->queue_id, letter->why,
            now_ms, letter->attempts);
    }
    return writer_fault(writer, code);
}

/* Saving the same progress twice does no harm, except that a refused message
 * is counted twice if the outcome of the first time was unknown. */
enum inbox_fault replay_save_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms)
{
    struct inbox_replay *replay = task->replay;
    struct inbox_replay stored = {.state = INBOX_REPLAY_RUNNING};
    struct inbox_task find = {.replay = &stored};
    uint64_t outlet_id;
    enum inbox_fault fault =
        load(writer, &find, REPLAY_ROW_SELECT " WHERE r.id = ?1", "i",
             replay->id, NULL);

    task->is_done = true;
    if (fault == INBOX_FINE && find.count == 0) {
        replay->state = INBOX_REPLAY_STOPPED; /* its row was removed */
        return INBOX_FINE;
    }
    if (fault == INBOX_FINE) {
        fault = task_outlet_id(writer, task, replay->outlet, &outlet_id);
    }
    if (fault == INBOX_FINE && task->error == 0) {
        fault = letters_write(writer, outlet_id, task->marks, now_ms);
    }
    if (fault != INBOX_FINE || task->error != 0) {
        return fault;
    }
    if (stored.state != INBOX_REPLAY_RUNNING) {
        replay->state = stored.state;
    }
    return writer_fault(
        writer,
        db_query_run(writer->db,
                     "UPDATE replays SET cursor = ?2, delivered = ?3,"
                     " refused = ?4, state = ?5, changed_at = ?6, why = ?7"
                     " WHERE id = ?1",
                     "iiiiiit", replay->id, replay->cursor,
                     replay->delivered_count, replay->refused_count,
                     (uint64_t)replay->state, now_ms, replay->why.text));
}
