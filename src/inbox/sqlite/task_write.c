#include "inbox/sqlite/task_write.h"

#include "base/wall_clock.h"
#include "inbox/sqlite/db_query.h"

static const task_step_cb steps[] = {
    [INBOX_TASK_LETTERS_PURGE] = letters_purge_step,
    [INBOX_TASK_REPLAY_START] = replay_start_step,
    [INBOX_TASK_REPLAY_STOP] = replay_stop_step,
    [INBOX_TASK_REPLAY_NEXT] = replay_next_step,
    [INBOX_TASK_REPLAY_SAVE] = replay_save_step,
    [INBOX_TASK_OUTLET_FORGET] = outlet_forget_step,
    [INBOX_TASK_PURGE] = purge_step,
};

enum inbox_fault task_outlet_id(struct writer *writer, struct inbox_task *task,
                                const char *outlet, uint64_t *id)
{
    sqlite3_stmt *select;
    int code = db_query(writer->db, &select,
                        "SELECT id FROM outlets WHERE name = ?1", "t", outlet);

    *id = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        *id = (uint64_t)sqlite3_column_int64(select, 0);
    } else if (code == SQLITE_DONE) {
        task->error = reason_set(&task->why, HAPLO_ENOTFOUND,
                                 "outlet %s has not forwarded anything from "
                                 "this inbox",
                                 outlet);
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return writer_fault(writer, code == SQLITE_ROW ? SQLITE_OK : code);
}

void task_write(struct writer *writer, struct inbox_task *task)
{
    enum inbox_fault fault;

    if (purge_is_at_log(task)) {
        purge_log_step(writer, task);
        return;
    }
    fault = writer_begin(writer);
    if (fault == INBOX_FINE) {
        fault = steps[task->kind](writer, task, wall_clock_ms());
    }
    if (fault == INBOX_FINE && task->error == 0) {
        fault = writer_commit(writer);
    }
    writer_rollback(writer);
    if (fault != INBOX_FINE) {
        task->error =
            reason_set(&task->why, HAPLO_EDELIVERY, "%s", writer->why.text);
    }
}
