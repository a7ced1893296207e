#include "outlets/webhook/webhook_splits.h"

#include <stddef.h>
#include <stdlib.h>

static struct webhook_split *split_find(struct webhook_splits *splits,
                                        uint64_t queue_id, uint64_t replay_id)
{
    struct webhook_split *split;

    LIST_FOREACH (split, splits, all) {
        if (split->queue_id == queue_id && split->replay_id == replay_id) {
            return split;
        }
    }
    return NULL;
}

bool webhook_splits_add(struct webhook_splits *splits, uint64_t queue_id,
                        uint64_t replay_id, uint64_t last)
{
    struct webhook_split *split = split_find(splits, queue_id, replay_id);

    if (split == NULL) {
        split = malloc(sizeof(*split));
        if (split == NULL) {
            return false;
        }
        split->queue_id = queue_id;
        split->replay_id = replay_id;
        LIST_INSERT_HEAD(splits, split, all);
    }
    split->last = last;
    return true;
}

static void split_forget(struct webhook_split *split)
{
    LIST_REMOVE(split, all);
    free(split);
}

bool webhook_splits_has(struct webhook_splits *splits, uint64_t queue_id,
                        uint64_t replay_id, uint64_t arrival)
{
    struct webhook_split *split = split_find(splits, queue_id, replay_id);

    if (split == NULL) {
        return false;
    }
    if (arrival > split->last) {
        split_forget(split);
        return false;
    }
    return true;
}

void webhook_splits_accepted(struct webhook_splits *splits, uint64_t queue_id,
                             uint64_t replay_id, uint64_t arrival)
{
    (void)webhook_splits_has(splits, queue_id, replay_id, arrival + 1);
}

void webhook_splits_free(struct webhook_splits *splits)
{
    struct webhook_split *split = LIST_FIRST(splits);

    while (split != NULL) {
        struct webhook_split *next = LIST_NEXT(split, all);

        free(split);
        split = next;
    }
    LIST_INIT(splits);
}
