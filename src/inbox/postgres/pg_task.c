#include "inbox/postgres/pg_task.h"

#include <assert.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_step.h"

static void (*const kinds[])(struct pg_step *step) = {
    [INBOX_TASK_LETTERS_PURGE] = pg_letters_purge,
    [INBOX_TASK_REPLAY_START] = pg_replay_start,
    [INBOX_TASK_REPLAY_STOP] = pg_replay_stop,
    [INBOX_TASK_REPLAY_NEXT] = pg_replay_next,
    [INBOX_TASK_REPLAY_SAVE] = pg_replay_save,
    [INBOX_TASK_OUTLET_FORGET] = pg_outlet_forget,
    [INBOX_TASK_PURGE] = pg_purge,
};

void pg_task(struct inbox_store *base, struct inbox_task *task)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_step *step = pg_step_new(store, task);

    assert((size_t)task->kind < sizeof(kinds) / sizeof(kinds[0]));
    if (step != NULL) {
        kinds[task->kind](step);
    }
}
