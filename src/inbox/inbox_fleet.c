/*
 * inbox_fleet.c - passes the requests of a fleet on to the store.
 *
 * A refresh reads what other processes have stored, while this one may store
 * as well: what it has stored since the refresh began is newer, and stays.
 */
#include "inbox/inbox_fleet.h"

#include <stdlib.h>

#include "base/reason.h"
#include "inbox/inbox_private.h"

int inbox_fleet_ask(struct inbox *inbox, struct inbox_fleet_request *request)
{
    const struct inbox_store_ops *ops = inbox->type->ops;
    int error = ops->fleet_ask == NULL ? HAPLO_ENOTSUP
                : inbox->is_closing    ? HAPLO_ESTOPPED
                                       : ops->fleet_ask(inbox->store, request);

    inbox->ask_count += error == 0 ? 1 : 0;
    return error;
}

void inbox_fleet_replied(struct inbox *inbox,
                         struct inbox_fleet_request *request, int error,
                         const char *why)
{
    request->replied_cb(request, error, why);
    inbox->ask_count--;
    inbox_tasks_changed(inbox);
}

int inbox_shared_write(struct inbox *inbox, struct inbox_shared_write *write)
{
    const struct inbox_store_ops *ops = inbox->type->ops;
    int error = ops->shared_write == NULL ? HAPLO_ENOTSUP
                : inbox->is_closing       ? HAPLO_ESTOPPED
                                    : ops->shared_write(inbox->store, write);

    inbox->ask_count += error == 0 ? 1 : 0;
    return error;
}

void inbox_shared_written(struct inbox *inbox, struct inbox_shared_write *write,
                          int error, const char *why)
{
    write->written_cb(write, error, why);
    inbox->ask_count--;
    inbox_tasks_changed(inbox);
}

/* Refreshing */

static void expect(struct inbox *inbox, const struct inbox_refresh *refresh)
{
    struct inbox_queue *queue;

    for (size_t i = 0; i < refresh->server_count; i++) {
        size_t cursor = 0;

        while ((queue = inbox_queue_next(inbox, refresh->servers[i],
                                         &cursor)) != NULL) {
            queue->is_newer = false;
        }
    }
}

int inbox_refresh_start(struct inbox *inbox, struct inbox_refresh *refresh)
{
    const struct inbox_store_ops *ops = inbox->type->ops;
    int error = ops->refresh == NULL ? HAPLO_ENOTSUP
                : inbox->is_closing  ? HAPLO_ESTOPPED
                                     : ops->refresh(inbox->store, refresh);

    if (error == 0) {
        inbox->ask_count++;
        expect(inbox, refresh);
    }
    return error;
}

/* The next comparison tells those apart that are not idle. */
static bool is_idle(const struct inbox_queue *queue)
{
    return inbox_queue_is_settled(queue) && queue->held_bytes == 0;
}

int inbox_refresh_queue(struct inbox *inbox, uint64_t id, const char *server,
                        const char *name, struct haplo_slice state)
{
    const struct haplo_slice nothing = {NULL, 0};
    struct inbox_queue *queue =
        inbox_store_queue(inbox, id, server, name, nothing);

    if (queue == NULL) {
        return HAPLO_ENOMEM;
    }
    return queue->is_newer || !is_idle(queue) ||
                   inbox_queue_keep_state(queue, state)
               ? 0
               : HAPLO_ENOMEM;
}

void inbox_refreshed(struct inbox *inbox, struct inbox_refresh *refresh,
                     int error, const char *why)
{
    refresh->refreshed_cb(refresh, error, why);
    inbox->ask_count--;
    inbox_tasks_changed(inbox);
}

/* For commands */

static int unsupported(const struct inbox_type *type, char *why,
                       size_t why_size)
{
    return reason_write(why, why_size, HAPLO_ENOTSUP,
                        "inboxes of type %s cannot coordinate hosts: use an "
                        "inbox of type postgres",
                        type->name);
}

int inbox_fleet_view(const struct inbox_type *type, const void *type_options,
                     struct inbox_fleet_view *view, char *why, size_t why_size)
{
    return type->fleet_view == NULL
               ? unsupported(type, why, why_size)
               : type->fleet_view(type_options, view, why, why_size);
}

void inbox_fleet_view_free(struct inbox_fleet_view *view)
{
    free(view->members);
    free(view->details);
    view->members = NULL;
    view->details = NULL;
}

int inbox_fleet_drain(const struct inbox_type *type, const void *type_options,
                      const char *host, bool is_draining, char *text,
                      size_t text_size)
{
    return type->fleet_drain == NULL
               ? unsupported(type, text, text_size)
               : type->fleet_drain(type_options, host, is_draining, text,
                                   text_size);
}
