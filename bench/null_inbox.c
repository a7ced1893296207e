/*
 * It keeps the contract of a store: it answers from the loop, compares states
 * and knows queues; only nothing is durable.
 */
#include "null_inbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/inbox_store.h"

struct null_store {
    struct inbox_store base;              /* first */
    struct inbox_group *group;            /* to be answered, or NULL */
    struct inbox_read *read;              /* the same */
    struct inbox_outlet_request *request; /* the same */
    bool is_opening;                      /* the same */
    bool is_closing;                      /* the same */
    uint64_t queue_count;                 /* ids given */
    uint64_t arrival;                     /* the newest */
    uv_idle_t answer;                     /* the next turn of the loop */
};

static void on_closed(uv_handle_t *handle)
{
    struct null_store *store = handle->data;
    struct inbox *inbox = store->base.inbox;
    free(store);
    inbox_store_closed(inbox);
}

/* The stored state is what the inbox has in memory. */
static void group_drop(struct null_store *store, struct inbox_group *group)
{
    struct inbox_delivery *delivery;
    struct inbox_confirm *confirm;
    struct inbox_progress *progress;
    group->fault = INBOX_FINE;
    STAILQ_FOREACH (confirm, &group->confirms, link) {
        confirm->compare =
            haplo_state_compare(confirm->state, confirm->queue->state);
    }
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        /* What was confirmed in this group is CURRENT by now. */
        delivery->compare = HAPLO_COMPARE_CURRENT;
        delivery->stored_count = delivery->new_count;
        delivery->repeat_count = delivery->count - delivery->new_count;
        delivery->first_arrival = store->arrival + 1;
        store->arrival += delivery->new_count;
        delivery->last_arrival = store->arrival;
        if (delivery->queue_id == 0) {
            delivery->queue_id = ++store->queue_count;
        }
    }
    STAILQ_FOREACH (progress, &group->progress, link) {
        progress->outlet_id = 1;
        progress->stored_cursor = progress->cursor;
    }
}

static void on_answer(uv_idle_t *handle)
{
    struct null_store *store = handle->data;
    struct inbox_group *group = store->group;
    struct inbox_read *read = store->read;
    struct inbox_outlet_request *request = store->request;
    (void)uv_idle_stop(handle);
    store->group = NULL;
    store->read = NULL;
    store->request = NULL;
    if (store->is_opening) {
        store->is_opening = false;
        inbox_store_opened(store->base.inbox,
                           "00000000-0000-4000-8000-000000000000", 0, "");
    }
    if (request != NULL) {
        request->outlet->is_new = true;
        request->done_cb(request);
    }
    if (read != NULL) {
        read->read_cb(read, 0, "");
    }
    if (group != NULL) {
        group_drop(store, group);
        inbox_group_written(store->base.inbox);
    }
    if (store->is_closing) {
        uv_close((uv_handle_t *)handle, on_closed);
    }
}

static struct null_store *store_of(struct inbox_store *base)
{
    struct null_store *store = container_of(base, struct null_store, base);
    (void)uv_idle_start(&store->answer, on_answer);
    return store;
}

static struct inbox_store *null_open(uv_loop_t *loop, struct inbox *inbox,
                                     const struct inbox_options *options)
{
    struct null_store *store = calloc(1, sizeof *store);
    (void)options;
    if (store == NULL || uv_idle_init(loop, &store->answer) != 0) {
        free(store);
        return NULL;
    }
    store->base.inbox = inbox;
    store->answer.data = store;
    store_of(&store->base)->is_opening = true;
    return &store->base;
}

static void null_write(struct inbox_store *base, struct inbox_group *group)
{
    store_of(base)->group = group;
}

/* One outlet at most. */
static void null_read(struct inbox_store *base, struct inbox_read *read)
{
    struct null_store *store = store_of(base);
    assert(store->read == NULL);
    store->read = read;
}

static void null_read_free(struct inbox_read *read)
{
    (void)read;
}

static void null_request(struct inbox_store *base,
                         struct inbox_outlet_request *request)
{
    struct null_store *store = store_of(base);
    assert(store->request == NULL);
    store->request = request;
}

static void null_close(struct inbox_store *base)
{
    store_of(base)->is_closing = true;
}

static const struct inbox_store_ops ops = {.open = null_open,
                                           .write = null_write,
                                           .read = null_read,
                                           .read_free = null_read_free,
                                           .outlet_open = null_request,
                                           .lanes = null_request,
                                           .close = null_close};

const struct inbox_type null_inbox_type = {.name = "null",
                                           .help = "Drops its messages.",
                                           .options_size = 1,
                                           .ops = &ops};
