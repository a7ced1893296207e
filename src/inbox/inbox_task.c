#include "inbox/inbox_task.h"

#include <assert.h>

#include "inbox/inbox_private.h"

static void task_step(struct inbox_task *task)
{
    struct inbox *inbox = task->inbox;

    inbox->type->ops->task(inbox->store, task);
}

int inbox_task_start(struct inbox *inbox, struct inbox_task *task)
{
    if (inbox->type->ops->task == NULL) {
        return HAPLO_EINVAL;
    }
    if (inbox->is_closing) {
        return HAPLO_ESTOPPED;
    }
    task->inbox = inbox;
    task->count = 0;
    task->is_done = false;
    task->position = 0;
    task->error = 0;
    task->why.text[0] = '\0';
    if (task->purge != NULL) {
        inbox_purge_begin(task->purge);
    }
    TAILQ_INSERT_TAIL(&inbox->tasks, task, link);
    task_step(task);
    return 0;
}

void inbox_task_stepped(struct inbox_task *task)
{
    struct inbox *inbox = task->inbox;

    if (task->error == 0 && !task->is_done) {
        if (!inbox->is_closing) {
            task_step(task);
            return;
        }
        task->error = reason_set(&task->why, HAPLO_ECANCELED,
                                 "the inbox is being closed: ask again for "
                                 "the rest");
    }
    TAILQ_REMOVE(&inbox->tasks, task, link);
    task->done_cb(task, task->error, task->why.text);
    inbox_tasks_changed(inbox);
}
