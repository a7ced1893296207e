#include "inbox/group_confirm.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/inbox_private.h"

static void confirm_free(struct inbox_confirm *confirm)
{
    free((char *)confirm->state.data);
    free(confirm);
}

static struct inbox_confirm *confirm_new(struct inbox_queue *queue,
                                         const struct haplo_mark *mark)
{
    struct inbox_confirm *confirm = calloc(1, sizeof(*confirm));
    char *state = malloc(mark->state.size + 1);

    if (confirm == NULL || state == NULL) {
        free(confirm);
        free(state);
        return NULL;
    }
    memcpy(state, mark->state.data, mark->state.size);
    confirm->queue = queue;
    confirm->state = (struct haplo_slice){state, mark->state.size};
    confirm->message_count = mark->message_count;
    confirm->queue_id = queue->id;
    return confirm;
}

/* Returns it to those that wait, unless its queue has a newer one there, which
 * then confirms the messages of both. */
static void confirm_return(struct inbox_confirm_list *waiting,
                           struct inbox_confirm *confirm)
{
    struct inbox_confirm *newer = confirm->queue->confirm;

    if (newer == NULL) {
        confirm->queue->confirm = confirm;
        STAILQ_INSERT_TAIL(waiting, confirm, link);
        return;
    }
    if (newer->message_count > 0) {
        newer->message_count =
            confirm->message_count > 0
                ? newer->message_count + confirm->message_count
                : 0;
    }
    confirm_free(confirm);
}

bool group_confirm_add(struct inbox_confirm_list *waiting,
                       struct inbox_queue *queue, const struct haplo_mark *mark)
{
    struct inbox_confirm *confirm = confirm_new(queue, mark);
    struct inbox_confirm *older = queue->confirm;

    if (confirm == NULL) {
        return false;
    }
    if (older != NULL) {
        STAILQ_REMOVE(waiting, older, inbox_confirm, link);
    }
    queue->confirm = confirm;
    STAILQ_INSERT_TAIL(waiting, confirm, link);
    if (older != NULL) {
        confirm_return(waiting, older);
    }
    return true;
}

static void confirm_stored(struct inbox_confirm *confirm)
{
    if (confirm->compare != HAPLO_COMPARE_STALE) {
        confirm->queue->id = confirm->queue_id;
        inbox_queue_take_state(confirm->queue, confirm->state);
        confirm->state = (struct haplo_slice){NULL, 0};
    }
    confirm_free(confirm);
}

bool group_confirms_settle(struct inbox_group *group,
                           struct inbox_confirm_list *waiting)
{
    struct inbox_confirm *confirm;
    bool is_left = false;

    while ((confirm = STAILQ_FIRST(&group->confirms)) != NULL) {
        STAILQ_REMOVE_HEAD(&group->confirms, link);
        if (group->fault == INBOX_FINE) {
            confirm_stored(confirm);
        } else {
            confirm_return(waiting, confirm);
            is_left = true;
        }
    }
    return is_left;
}

void group_confirms_drop(struct inbox_confirm_list *waiting)
{
    struct inbox_confirm *confirm;

    while ((confirm = STAILQ_FIRST(waiting)) != NULL) {
        STAILQ_REMOVE_HEAD(waiting, link);
        confirm->queue->confirm = NULL;
        confirm_free(confirm);
    }
}
