/*
 * letter_tasks.c - removes dead letters. The messages stay in the inbox.
 */
#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/task_write.h"

/* The dead letters of an outlet after an arrival. One that the filter names is
 * found by its key. */
#define LETTERS_AFTER                                                         \
    "SELECT d.arrival, d.at, coalesce(q.server, '?'), coalesce(q.queue, '?')" \
    " FROM dead_letters AS d LEFT JOIN queues AS q ON q.id = d.queue"         \
    " WHERE d.outlet = ?1 AND d.arrival > ?2 AND d.arrival <= ?3"             \
    " ORDER BY d.arrival LIMIT ?4"

/* Returns SQLITE_ROW, or SQLITE_NOMEM. */
static int row_check(const struct inbox_filter *filter, sqlite3_stmt *row,
                     bool *is_wanted)
{
    const char *server = (const char *)sqlite3_column_text(row, 2);
    const char *queue = (const char *)sqlite3_column_text(row, 3);

    if (server == NULL || queue == NULL) {
        return SQLITE_NOMEM;
    }
    *is_wanted = inbox_filter_takes_time(
                     filter, (uint64_t)sqlite3_column_int64(row, 1)) &&
                 inbox_filter_takes_queue(filter, server, queue);
    return SQLITE_ROW;
}

/* Collects the next dead letters to be removed. */
static enum inbox_fault collect(struct writer *writer, struct inbox_task *task,
                                uint64_t outlet_id, uint64_t *arrivals,
                                size_t *count)
{
    const struct inbox_filter *filter = &task->filter;
    uint64_t first = filter->arrival;
    uint64_t after =
        task->position == 0 && first > 0 ? first - 1 : task->position;
    size_t row_count = 0;
    sqlite3_stmt *select;
    int code = db_query(writer->db, &select, LETTERS_AFTER, "iiii", outlet_id,
                        after, first > 0 ? first : (uint64_t)INT64_MAX,
                        (uint64_t)TASK_WRITE_ROWS_MAX);

    *count = 0;
    if (code != SQLITE_OK) {
        return writer_fault(writer, code);
    }
    code = SQLITE_ROW;
    while (code == SQLITE_ROW && (code = sqlite3_step(select)) == SQLITE_ROW) {
        bool is_wanted = false;

        code = row_check(filter, select, &is_wanted);
        task->position = (uint64_t)sqlite3_column_int64(select, 0);
        row_count++;
        if (is_wanted) {
            arrivals[(*count)++] = task->position;
        }
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    task->is_done = row_count < TASK_WRITE_ROWS_MAX;
    return writer_fault(writer, code);
}

enum inbox_fault letters_purge_step(struct writer *writer,
                                    struct inbox_task *task, uint64_t now_ms)
{
    uint64_t arrivals[TASK_WRITE_ROWS_MAX];
    uint64_t outlet_id;
    size_t count;
    enum inbox_fault fault =
        task_outlet_id(writer, task, task->filter.outlet, &outlet_id);

    (void)now_ms;
    if (fault != INBOX_FINE || task->error != 0) {
        return fault;
    }
    fault = collect(writer, task, outlet_id, arrivals, &count);
    for (size_t i = 0; fault == INBOX_FINE && i < count; i++) {
        fault = writer_fault(writer,
                             db_query_run(writer->db,
                                          "DELETE FROM dead_letters"
                                          " WHERE outlet = ?1 AND arrival = ?2",
                                          "ii", outlet_id, arrivals[i]));
    }
    task->count += fault == INBOX_FINE ? count : 0;
    return fault;
}
