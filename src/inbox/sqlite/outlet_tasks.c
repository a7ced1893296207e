/*
 * outlet_tasks.c - forgets an outlet that is no longer configured: its
 * progress, what it has deferred, its dead letters and replays. Its row goes
 * last, so that this can be asked for again if the process dies in between.
 * The messages stay; retention no longer keeps them for this outlet.
 */
#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/task_write.h"

/* Each deletes at most as many rows as a step may look at. */
static const char *const rows_sql[] = {
    "DELETE FROM deferred WHERE outlet = ?1 AND (queue, arrival) IN"
    " (SELECT queue, arrival FROM deferred WHERE outlet = ?1 LIMIT ?2)",
    "DELETE FROM dead_letters WHERE outlet = ?1 AND arrival IN"
    " (SELECT arrival FROM dead_letters WHERE outlet = ?1 LIMIT ?2)",
    "DELETE FROM replays WHERE outlet = ?1 AND id IN"
    " (SELECT id FROM replays WHERE outlet = ?1 LIMIT ?2)",
};

#define ROWS_SQL_COUNT (sizeof(rows_sql) / sizeof(rows_sql[0]))

enum inbox_fault outlet_forget_step(struct writer *writer,
                                    struct inbox_task *task, uint64_t now_ms)
{
    uint64_t id;
    enum inbox_fault fault =
        task_outlet_id(writer, task, task->filter.outlet, &id);

    (void)now_ms;
    if (fault != INBOX_FINE || task->error != 0) {
        return fault;
    }
    for (size_t i = 0; fault == INBOX_FINE && i < ROWS_SQL_COUNT; i++) {
        fault =
            writer_fault(writer, db_query_run(writer->db, rows_sql[i], "ii", id,
                                              (uint64_t)TASK_WRITE_ROWS_MAX));
        if (fault == INBOX_FINE && sqlite3_changes(writer->db) > 0) {
            task->count += (uint64_t)sqlite3_changes(writer->db);
            return INBOX_FINE;
        }
    }
    if (fault == INBOX_FINE) {
        fault = writer_fault(
            writer, db_query_run(writer->db,
                                 "DELETE FROM outlets WHERE id = ?1", "i", id));
    }
    task->is_done = fault == INBOX_FINE;
    return fault;
}
