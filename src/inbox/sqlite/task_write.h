/*
 * task_write.h - one step of a task, as one transaction. To add a kind of task,
 * write a step function and add it to the table in task_write.c.
 */
#ifndef INBOX_SQLITE_TASK_WRITE_H
#define INBOX_SQLITE_TASK_WRITE_H

#include "inbox/inbox_task.h"
#include "inbox/sqlite/writer.h"

#define TASK_WRITE_ROWS_MAX 500 /* that a step looks at: some milliseconds */

/*
 * A step. Returns the fault of the transaction, which is committed if it is
 * INBOX_FINE and task->error is 0. Sets task->is_done with the last step, adds
 * what it has changed to task->count, and keeps its place in task->position.
 */
typedef enum inbox_fault (*task_step_cb)(struct writer *writer,
                                         struct inbox_task *task,
                                         uint64_t now_ms);

/* Carries out the next step of a task, and sets its error. */
void task_write(struct writer *writer, struct inbox_task *task);

/* For steps: sets *id to the row of the task's outlet. If there is none, sets
 * the error of the task. */
enum inbox_fault task_outlet_id(struct writer *writer, struct inbox_task *task,
                                const char *outlet, uint64_t *id);

/* letter_tasks.c */
enum inbox_fault letters_purge_step(struct writer *writer,
                                    struct inbox_task *task, uint64_t now_ms);

/* replay_tasks.c */
enum inbox_fault replay_start_step(struct writer *writer,
                                   struct inbox_task *task, uint64_t now_ms);
enum inbox_fault replay_stop_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms);
enum inbox_fault replay_next_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms);
enum inbox_fault replay_save_step(struct writer *writer,
                                  struct inbox_task *task, uint64_t now_ms);

/* outlet_tasks.c */
enum inbox_fault outlet_forget_step(struct writer *writer,
                                    struct inbox_task *task, uint64_t now_ms);

/* purge_tasks.c */
enum inbox_fault purge_step(struct writer *writer, struct inbox_task *task,
                            uint64_t now_ms);

/* The last steps of a purge empty the WAL, which is no transaction. */
bool purge_is_at_log(const struct inbox_task *task);
void purge_log_step(struct writer *writer, struct inbox_task *task);

#endif
