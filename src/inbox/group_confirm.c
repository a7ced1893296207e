#include "inbox/group_confirm.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/inbox_private.h"

#define SPARE_COUNT_MAX 1024 /* more are freed */
#define SPARE_SIZE_MAX 1024  /* larger states are freed */

static void confirm_free(struct inbox_confirm *confirm)
{
    free((char *)confirm->state.data);
    free(confirm);
}

/* Keeps the memory for the next one. */
static void confirm_release(struct group_confirms *confirms,
                            struct inbox_confirm *confirm)
{
    if (confirms->spare_count >= SPARE_COUNT_MAX ||
        confirm->state_capacity > SPARE_SIZE_MAX) {
        confirm_free(confirm);
        return;
    }
    STAILQ_INSERT_HEAD(&confirms->spare, confirm, link);
    confirms->spare_count++;
}

static struct inbox_confirm *confirm_take(struct group_confirms *confirms)
{
    struct inbox_confirm *confirm = STAILQ_FIRST(&confirms->spare);

    if (confirm == NULL) {
        return calloc(1, sizeof(*confirm));
    }
    STAILQ_REMOVE_HEAD(&confirms->spare, link);
    confirms->spare_count--;
    return confirm;
}

static bool confirm_set_state(struct inbox_confirm *confirm,
                              struct haplo_slice state)
{
    char *memory = (char *)confirm->state.data;

    if (state.size > confirm->state_capacity) {
        memory = realloc(memory, state.size);
        if (memory == NULL) {
            return false;
        }
        confirm->state_capacity = state.size;
    }
    if (state.size > 0) {
        memcpy(memory, state.data, state.size);
    }
    confirm->state = (struct haplo_slice){memory, state.size};
    return true;
}

/* Returns it to those that wait, unless its queue has a newer one there, which
 * then confirms the messages of both. */
static void confirm_return(struct group_confirms *confirms,
                           struct inbox_confirm *confirm)
{
    struct inbox_confirm *newer = confirm->queue->confirm;

    if (newer == NULL) {
        confirm->queue->confirm = confirm;
        STAILQ_INSERT_TAIL(&confirms->waiting, confirm, link);
        return;
    }
    if (newer->message_count > 0) {
        newer->message_count =
            confirm->message_count > 0
                ? newer->message_count + confirm->message_count
                : 0;
    }
    confirm_release(confirms, confirm);
}

bool group_confirms_add(struct group_confirms *confirms,
                        struct inbox_queue *queue,
                        const struct haplo_mark *mark)
{
    struct inbox_confirm *confirm = confirm_take(confirms);
    struct inbox_confirm *older = queue->confirm;

    if (confirm == NULL || !confirm_set_state(confirm, mark->state)) {
        free(confirm);
        return false;
    }
    confirm->queue = queue;
    confirm->message_count = mark->message_count;
    confirm->queue_id = queue->id;
    if (older != NULL) {
        STAILQ_REMOVE(&confirms->waiting, older, inbox_confirm, link);
    }
    queue->confirm = confirm;
    STAILQ_INSERT_TAIL(&confirms->waiting, confirm, link);
    if (older != NULL) {
        confirm_return(confirms, older);
    }
    return true;
}

static void confirm_stored(struct group_confirms *confirms,
                           struct inbox_confirm *confirm)
{
    if (confirm->compare != HAPLO_COMPARE_STALE) {
        confirm->queue->id = confirm->queue_id;
        (void)inbox_queue_keep_state(confirm->queue, confirm->state);
    }
    confirm_release(confirms, confirm);
}

bool group_confirms_settle(struct group_confirms *confirms,
                           struct inbox_group *group)
{
    struct inbox_confirm *confirm;
    bool is_left = false;

    while ((confirm = STAILQ_FIRST(&group->confirms)) != NULL) {
        STAILQ_REMOVE_HEAD(&group->confirms, link);
        confirm->queue->is_confirming = false;
        if (group->fault == INBOX_FINE) {
            confirm_stored(confirms, confirm);
        } else {
            confirm_return(confirms, confirm);
            is_left = true;
        }
    }
    return is_left;
}

void group_confirms_init(struct group_confirms *confirms)
{
    STAILQ_INIT(&confirms->waiting);
    STAILQ_INIT(&confirms->spare);
    confirms->spare_count = 0;
}

static void list_free(struct inbox_confirm_list *list)
{
    struct inbox_confirm *confirm;

    while ((confirm = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        confirm_free(confirm);
    }
}

void group_confirms_free(struct group_confirms *confirms)
{
    struct inbox_confirm *confirm;

    STAILQ_FOREACH (confirm, &confirms->waiting, link) {
        confirm->queue->confirm = NULL;
    }
    list_free(&confirms->waiting);
    list_free(&confirms->spare);
    confirms->spare_count = 0;
}
