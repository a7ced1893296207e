/*
 * poller.c - a poller on the loop of its environment.
 *
 *   - createPoller() creates it; the classes of index.js wrap it.
 *   - Its callbacks call handlers of index.js. All callbacks but event_cb may
 *     call any function of the library, so handlers may do anything.
 *   - close() closes it, and the handler "closed" is the last one called. The
 *     program may keep objects of a poller that is closed: they throw.
 *
 * The memory is freed when the last of these is gone: the library's poller, and
 * the objects of JavaScript that wrap the poller, its servers, its queues and
 * its batches.
 */
#include "poller.h"

#include <assert.h>
#include <stdlib.h>

#include "batch.h"
#include "events.h"
#include "options.h"
#include "queue.h"
#include "server.h"
#include "stats.h"

static const struct option table[] = {
#define ROW(name, kind, member)                                            \
    {                                                                      \
        name, OPTION_##kind, offsetof(struct haplo_poller_options, member) \
    }
    ROW("seed", UINT64, seed),
    ROW("inFlightMax", UNSIGNED, in_flight_max),
    ROW("undeliveredBytesMax", SIZE, undelivered_bytes_max),
#undef ROW
    {NULL, OPTION_BOOL, 0},
};
static const struct option *const limits = table + 1;

/* -- Calls of JavaScript ----------------------------------------------------
 */

bool poller_enter(struct poller *poller, napi_handle_scope *scope)
{
    return !poller->addon->is_ending &&
           napi_open_handle_scope(poller->env, scope) == napi_ok;
}

/* An exception that nobody catches. Where the environment is being terminated
 * no exception is pending, although the call has failed. */
static void report_exception(struct poller *poller)
{
    bool is_pending = false;
    napi_value exception = NULL;
    if (napi_is_exception_pending(poller->env, &is_pending) == napi_ok &&
        is_pending &&
        napi_get_and_clear_last_exception(poller->env, &exception) == napi_ok) {
        (void)napi_fatal_exception(poller->env, exception);
    }
}

void poller_call(struct poller *poller, enum handler which, size_t count,
                 const napi_value *arguments)
{
    napi_value receiver = NULL, handler = NULL;
    if (poller->addon->is_ending ||
        !js_ok(poller->env, napi_get_reference_value(
                                poller->env, poller->receiver, &receiver)) ||
        !js_ok(poller->env,
               napi_get_reference_value(poller->env, poller->handlers[which],
                                        &handler))) {
        return;
    }
    if (napi_make_callback(poller->env, poller->context, receiver, handler,
                           count, arguments, NULL) != napi_ok) {
        report_exception(poller);
    }
}

void poller_leave(struct poller *poller, napi_handle_scope scope)
{
    report_exception(poller);
    (void)napi_close_handle_scope(poller->env, scope);
}

static void on_idle(uv_idle_t *idle)
{
    struct poller *poller = idle->data;
    (void)uv_idle_stop(idle);
    batch_drop_lost(poller);
    events_report(poller);
}

void poller_report_soon(struct poller *poller)
{
    if (!poller->is_closing) {
        (void)uv_idle_start(&poller->idle, on_idle); /* cannot fail */
    }
}

/* -- The end ----------------------------------------------------------------
 */

void poller_release(struct poller *poller)
{
    assert(poller->reference_count > 0);
    if (--poller->reference_count == 0) {
        free(poller);
    }
}

static void free_references(struct poller *poller)
{
    napi_env env = poller->env;
    for (size_t i = 0; i < HANDLER_COUNT; i++) {
        if (poller->handlers[i] != NULL) {
            (void)napi_delete_reference(env, poller->handlers[i]);
        }
    }
    if (poller->receiver != NULL) {
        (void)napi_delete_reference(env, poller->receiver);
    }
    if (poller->events != NULL) {
        (void)napi_delete_reference(env, poller->events);
    }
    if (poller->context != NULL) {
        (void)napi_async_destroy(env, poller->context);
    }
}

static void on_idle_closed(uv_handle_t *handle)
{
    struct poller *poller = handle->data;
    struct addon *addon = poller->addon;
    napi_handle_scope scope;
    poller->handle = NULL;
    if (poller_enter(poller, &scope)) {
        poller_call(poller, HANDLER_CLOSED, 0, NULL);
        poller_leave(poller, scope);
    }
    LIST_REMOVE(poller, entry);
    free_references(poller);
    poller_release(poller);
    addon_on_closed(addon);
}

static void on_closed(void *data)
{
    struct poller *poller = data;
    uv_close((uv_handle_t *)&poller->idle, on_idle_closed);
}

static void start_closing(struct poller *poller)
{
    if (poller->is_closing) {
        return;
    }
    poller->is_closing = true;
    (void)uv_idle_stop(&poller->idle);
    struct haplo_server *server = NULL;
    while ((server = haplo_server_next(poller->handle, server)) != NULL) {
        server_detach_all(haplo_server_data(server));
    }
    haplo_poller_close(poller->handle, on_closed);
    batch_drop_lost(poller);
}

void poller_end(struct poller *poller)
{
    start_closing(poller);
    batch_drop_all(poller);
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    poller_release(data);
}

/* -- Creating ---------------------------------------------------------------
 */

static void on_stopped(struct haplo_poller *handle, size_t batches_left)
{
    struct poller *poller = haplo_poller_data(handle);
    napi_handle_scope scope;
    if (!poller_enter(poller, &scope)) {
        return;
    }
    napi_value left = js_number(poller->env, batches_left);
    if (left != NULL) {
        poller_call(poller, HANDLER_STOPPED, 1, &left);
    }
    poller_leave(poller, scope);
}

static bool create_references(struct poller *poller, napi_value handlers)
{
    napi_env env = poller->env;
    napi_value value = NULL;
    if (!js_ok(env, napi_create_object(env, &value)) ||
        !js_ok(env, napi_create_reference(env, value, 1, &poller->receiver))) {
        return false;
    }
    for (uint32_t i = 0; i < HANDLER_COUNT; i++) {
        if (!js_ok(env, napi_get_element(env, handlers, i, &value)) ||
            !js_ok(env, napi_create_reference(env, value, 1,
                                              &poller->handlers[i]))) {
            return false;
        }
    }
    value = js_string(env, "haplopoll");
    return value != NULL &&
           js_ok(env, napi_async_init(env, NULL, value, &poller->context));
}

static bool create_handle(struct poller *poller, napi_value from)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    uv_loop_t *loop = NULL;
    struct option_texts texts = {.count = 0};
    struct haplo_poller_options options = {.struct_size = sizeof(options),
                                           .event_cb = events_on_event,
                                           .data = poller};
    bool is_read = options_read(poller->env, from, table, &options, &texts);
    options_free(&texts); /* none of the options is a text */
    if (!is_read ||
        !js_ok(poller->env, napi_get_uv_event_loop(poller->env, &loop))) {
        return false;
    }
    int error =
        haplo_poller_new(loop, &options, &poller->handle, why, sizeof(why));
    if (error != 0) {
        (void)js_throw_why(poller->env, error, why);
        return false;
    }
    (void)uv_idle_init(loop, &poller->idle); /* cannot fail */
    poller->idle.data = poller;
    LIST_INSERT_HEAD(&poller->addon->pollers, poller, entry);
    return true;
}

napi_value poller_create(napi_env env, napi_callback_info info)
{
    size_t count = 2;
    napi_value arguments[2];
    if (!js_ok(env,
               napi_get_cb_info(env, info, &count, arguments, NULL, NULL))) {
        return NULL;
    }
    struct poller *poller = calloc(1, sizeof(*poller));
    if (poller == NULL) {
        return js_throw(env, HAPLO_ENOMEM, "out of memory");
    }
    poller->env = env;
    poller->addon = addon_of(env);
    poller->reference_count = 1;
    LIST_INIT(&poller->outstanding);
    LIST_INIT(&poller->lost);
    if (!create_references(poller, arguments[1]) ||
        !create_handle(poller, arguments[0])) {
        free_references(poller);
        free(poller);
        return NULL;
    }
    napi_value result = addon_make(poller->addon, &poller_class, poller);
    if (result == NULL) {
        start_closing(poller);
        return NULL;
    }
    poller->reference_count++;
    return result;
}

/* -- Methods ----------------------------------------------------------------
 */

static struct poller *this_poller(napi_env env, napi_callback_info info,
                                  size_t count, napi_value *arguments)
{
    struct poller *poller = js_this(env, info, count, arguments);
    if (poller != NULL && poller->is_closing) {
        return js_throw_closed(env);
    }
    return poller;
}

static napi_value add_server(napi_env env, napi_callback_info info)
{
    napi_value options;
    struct poller *poller = this_poller(env, info, 1, &options);
    return poller != NULL ? server_add(poller, options) : NULL;
}

static napi_value find_server(napi_env env, napi_callback_info info)
{
    napi_value argument;
    struct poller *poller = this_poller(env, info, 1, &argument);
    char *name = poller != NULL
                     ? js_copy_string(env, argument, "the name of a server")
                     : NULL;
    if (name == NULL) {
        return NULL;
    }
    struct haplo_server *server = haplo_server_find(poller->handle, name);
    free(name);
    return server != NULL ? server_object(haplo_server_data(server))
                          : js_undefined(env);
}

static napi_value list_servers(napi_env env, napi_callback_info info)
{
    struct poller *poller = this_poller(env, info, 0, NULL);
    struct haplo_server *server = NULL;
    napi_value list = NULL;
    uint32_t i = 0;
    if (poller == NULL || !js_ok(env, napi_create_array(env, &list))) {
        return NULL;
    }
    while ((server = haplo_server_next(poller->handle, server)) != NULL) {
        napi_value object = server_object(haplo_server_data(server));
        if (object == NULL ||
            !js_ok(env, napi_set_element(env, list, i++, object))) {
            return NULL;
        }
    }
    return list;
}

static napi_value set_limits(napi_env env, napi_callback_info info)
{
    napi_value from;
    struct poller *poller = this_poller(env, info, 1, &from);
    struct option_texts texts = {.count = 0};
    struct haplo_poller_options options = {.struct_size = sizeof(options)};
    if (poller == NULL || !options_read(env, from, limits, &options, &texts)) {
        return NULL;
    }
    haplo_poller_set_limits(poller->handle, options.in_flight_max,
                            options.undelivered_bytes_max);
    return js_undefined(env);
}

static napi_value get_stats(napi_env env, napi_callback_info info)
{
    struct poller *poller = this_poller(env, info, 0, NULL);
    return poller != NULL ? stats_of_poller(env, poller->handle) : NULL;
}

static napi_value set_wants_all_events(napi_env env, napi_callback_info info)
{
    napi_value argument;
    struct poller *poller = this_poller(env, info, 1, &argument);
    if (poller == NULL ||
        !js_ok(env,
               napi_get_value_bool(env, argument, &poller->wants_all_events))) {
        return NULL;
    }
    return js_undefined(env);
}

static napi_value stop(napi_env env, napi_callback_info info)
{
    napi_value argument;
    uint64_t deadline_ms = 0;
    struct poller *poller = this_poller(env, info, 1, &argument);
    if (poller == NULL ||
        !js_get_integer(env, argument, "the deadline in milliseconds",
                        HAPLO_WAIT_MS_MAX, &deadline_ms)) {
        return NULL;
    }
    int error = haplo_poller_stop(poller->handle, deadline_ms, on_stopped);
    return error == 0 ? js_undefined(env) : js_throw_why(env, error, "");
}

/* A second call does nothing. */
static napi_value close_poller(napi_env env, napi_callback_info info)
{
    struct poller *poller = js_this(env, info, 0, NULL);
    if (poller == NULL) {
        return NULL;
    }
    start_closing(poller);
    return js_undefined(env);
}

static napi_value ref(napi_env env, napi_callback_info info)
{
    struct poller *poller = this_poller(env, info, 0, NULL);
    if (poller == NULL) {
        return NULL;
    }
    haplo_poller_ref(poller->handle);
    return js_undefined(env);
}

static napi_value unref(napi_env env, napi_callback_info info)
{
    struct poller *poller = this_poller(env, info, 0, NULL);
    if (poller == NULL) {
        return NULL;
    }
    haplo_poller_unref(poller->handle);
    return js_undefined(env);
}

static const napi_property_descriptor properties[] = {
    ADDON_METHOD("add", add_server),
    ADDON_METHOD("server", find_server),
    ADDON_GETTER("servers", list_servers),
    ADDON_METHOD("setLimits", set_limits),
    ADDON_METHOD("stats", get_stats),
    ADDON_METHOD("wantAllEvents", set_wants_all_events),
    ADDON_METHOD("stop", stop),
    ADDON_METHOD("close", close_poller),
    ADDON_METHOD("ref", ref),
    ADDON_METHOD("unref", unref),
};

const struct class poller_class = {
    .name = "Poller",
    .index = CLASS_POLLER,
    .finalize_cb = finalize,
    .properties = properties,
    .property_count = sizeof(properties) / sizeof(*properties),
};
