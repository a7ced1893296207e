/* events.c - failures and changes of state, for listeners: see events.h. */
#include "events.h"

#include "queue.h"
#include "server.h"

/* An event without an error is only wanted by some. */
static bool is_wanted(const struct poller *poller,
                      const struct haplo_event *event)
{
    return !poller->is_closing && !poller->addon->is_ending &&
           (event->error != 0 || poller->wants_all_events);
}

static napi_value state_name(napi_env env, const struct haplo_event *event,
                             int state)
{
    return js_string(
        env, event->queue != NULL
                 ? haplo_queue_state_name((enum haplo_queue_state)state)
                 : haplo_server_state_name((enum haplo_server_state)state));
}

static napi_value queue_or_null(napi_env env, const struct haplo_event *event)
{
    return event->queue != NULL ? queue_object(haplo_queue_data(event->queue))
                                : js_known(env, -1);
}

static napi_value event_object(napi_env env, const struct haplo_event *event)
{
    napi_value object = NULL;
    bool is_set =
        js_ok(env, napi_create_object(env, &object)) &&
        js_set(env, object, "server",
               server_object(haplo_server_data(event->server))) &&
        js_set(env, object, "queue", queue_or_null(env, event)) &&
        js_set(env, object, "from", state_name(env, event, event->from)) &&
        js_set(env, object, "to", state_name(env, event, event->to)) &&
        js_set(env, object, "code", js_error_code(env, event->error)) &&
        js_set(env, object, "text", js_string(env, event->text)) &&
        js_set(env, object, "isTransient",
               js_bool(env, haplo_error_is_transient(event->error))) &&
        js_set(env, object, "messageCount",
               js_number(env, event->message_count)) &&
        js_set(env, object, "delayMs", js_number(env, event->delay_ms));
    return is_set ? object : NULL;
}

/* Appends it to the array of those that are to be reported. */
static bool append(struct poller *poller, napi_value object)
{
    napi_env env = poller->env;
    napi_value list = NULL;
    uint32_t count = 0;
    if (poller->events == NULL) {
        return js_ok(env, napi_create_array(env, &list)) &&
               js_ok(env, napi_set_element(env, list, 0, object)) &&
               js_ok(env, napi_create_reference(env, list, 1, &poller->events));
    }
    return js_ok(env, napi_get_reference_value(env, poller->events, &list)) &&
           js_ok(env, napi_get_array_length(env, list, &count)) &&
           js_ok(env, napi_set_element(env, list, count, object));
}

/* Makes objects, but runs no JavaScript. What cannot be made is left out. */
void events_on_event(struct haplo_poller *handle,
                     const struct haplo_event *event)
{
    struct poller *poller = haplo_poller_data(handle);
    napi_handle_scope scope;
    napi_value exception = NULL;
    if (!is_wanted(poller, event) || !poller_enter(poller, &scope)) {
        return;
    }
    napi_value object = event_object(poller->env, event);
    if (object != NULL && append(poller, object)) {
        poller_report_soon(poller);
    } else {
        (void)napi_get_and_clear_last_exception(poller->env, &exception);
    }
    (void)napi_close_handle_scope(poller->env, scope);
}

void events_report(struct poller *poller)
{
    napi_env env = poller->env;
    napi_handle_scope scope;
    napi_value list = NULL, event = NULL;
    uint32_t count = 0;
    if (poller->events == NULL || !poller_enter(poller, &scope)) {
        return;
    }
    if (js_ok(env, napi_get_reference_value(env, poller->events, &list)) &&
        js_ok(env, napi_get_array_length(env, list, &count))) {
        (void)napi_delete_reference(env, poller->events);
        poller->events = NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (js_ok(env, napi_get_element(env, list, i, &event))) {
            poller_call(poller, HANDLER_EVENT, 1, &event);
        }
    }
    poller_leave(poller, scope);
}
