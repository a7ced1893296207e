/*
 * event.c - changes of state, reported to the function `event` of a poller.
 *
 * event_cb may fire inside any function of the library, and must not change
 * anything. A function of Lua cannot promise that: it allocates, and finalizers
 * may run. So events are copied, and reported from the loop. An event that
 * cannot be copied for lack of memory is lost; it is for logs alone.
 */
#include <stdlib.h>
#include <string.h>

#include "binding.h"

struct event {
    struct haplo_event its; /* server and queue: invalid when it is reported */
    char server[HAPLO_NAME_SIZE_MAX + 1];
    char queue[HAPLO_NAME_SIZE_MAX + 1]; /* "": it concerns the server */
    struct poller *poller;
    STAILQ_ENTRY(event) link;
    char text[]; /* its.text */
};

void event_keep(struct haplo_poller *handle, const struct haplo_event *its)
{
    struct poller *poller = haplo_poller_data(handle);
    size_t size = strlen(its->text) + 1;
    struct event *event = malloc(sizeof *event + size);
    if (poller->handle == NULL || event == NULL) {
        free(event); /* close() cancels requests; nobody is told of that */
        return;
    }
    event->its = *its;
    event->poller = poller;
    event->queue[0] = '\0';
    strcpy(event->server, haplo_server_name(its->server));
    if (its->queue != NULL) {
        strcpy(event->queue, haplo_queue_name(its->queue));
    }
    memcpy(event->text, its->text, size);
    STAILQ_INSERT_TAIL(&poller->events, event, link);
    poller_wake(poller);
}

/* The states of queues and of servers have different numbers. */
static const char *state_name(const struct event *event, int state)
{
    return event->queue[0] != '\0'
               ? haplo_queue_state_name((enum haplo_queue_state)state)
               : haplo_server_state_name((enum haplo_server_state)state);
}

static void call_event(lua_State *L, void *context)
{
    const struct event *event = context;
    function_push(L, event->poller->event);
    lua_newtable(L);
    field_text(L, "server", event->server);
    if (event->queue[0] != '\0') {
        field_text(L, "queue", event->queue);
    }
    field_text(L, "from", state_name(event, event->its.from));
    field_text(L, "to", state_name(event, event->its.to));
    if (event->its.error != 0) {
        field_text(L, "error", haplo_error_name(event->its.error));
    }
    field_text(L, "text", event->text);
    field_number(L, "message_count", event->its.message_count);
    field_number(L, "delay_ms", event->its.delay_ms);
    lua_call(L, 1, 0);
}

void event_report(struct poller *poller)
{
    struct event *event;
    /* The function may close the poller, which drops the rest. */
    while ((event = STAILQ_FIRST(&poller->events)) != NULL) {
        STAILQ_REMOVE_HEAD(&poller->events, link);
        state_run(poller->state, call_event, event);
        free(event);
    }
}

void event_drop(struct poller *poller)
{
    struct event *event;
    while ((event = STAILQ_FIRST(&poller->events)) != NULL) {
        STAILQ_REMOVE_HEAD(&poller->events, link);
        free(event);
    }
}
