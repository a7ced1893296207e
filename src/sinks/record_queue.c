#include "sinks/record_queue.h"

#include <assert.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    const struct sink_queue *left = a;
    const struct sink_queue *right = b;
    int order = strcmp(left->queue, right->queue);

    return order != 0 ? order : strcmp(left->server, right->server);
}

static struct record_queue *record_new(struct sink *sink, const char *server,
                                       const char *queue)
{
    size_t server_size = strlen(server) + 1;
    size_t queue_size = strlen(queue) + 1;
    struct record_queue *record =
        calloc(1, sizeof(*record) + server_size + queue_size);

    if (record != NULL) {
        memcpy(record->names, server, server_size);
        memcpy(record->names + server_size, queue, queue_size);
        record->base.sink = sink;
        record->base.server = record->names;
        record->base.queue = record->names + server_size;
    }
    return record;
}

struct record_queue *record_queue_get(struct record_queue_set *set,
                                      struct sink *sink, const char *server,
                                      const char *queue)
{
    struct sink_queue names = {.server = server, .queue = queue};
    void *node = tfind(&names, &set->root, compare_names);
    struct record_queue *record;

    if (node != NULL) {
        return *(struct record_queue **)node;
    }
    record = record_new(sink, server, queue);
    if (record != NULL && tsearch(record, &set->root, compare_names) == NULL) {
        free(record);
        return NULL;
    }
    return record;
}

void record_queue_set_free(struct record_queue_set *set)
{
    tdestroy(set->root, free);
    set->root = NULL;
}

void record_queue_push(struct record_queue_list *list,
                       struct record_queue *queue)
{
    assert(queue->next == NULL);
    if (list->last != NULL) {
        list->last->next = queue;
    } else {
        list->first = queue;
    }
    list->last = queue;
}

struct record_queue *record_queue_shift(struct record_queue_list *list)
{
    struct record_queue *queue = list->first;

    if (queue != NULL) {
        list->first = queue->next;
        list->last = list->first != NULL ? list->last : NULL;
        queue->next = NULL;
    }
    return queue;
}
