/* server.c - a server of a poller. Its memory is freed with its object of
 * JavaScript, which is kept from being garbage until the server is removed. */
#include "server.h"

#include <stdlib.h>

#include "options.h"
#include "queue.h"
#include "stats.h"

struct server {
    struct haplo_server *handle; /* NULL once it is removed */
    struct poller *poller;
    napi_ref object; /* strong until then */
};

static const struct option table[] = {
#define ROW(name, kind, member)                                            \
    {                                                                      \
        name, OPTION_##kind, offsetof(struct haplo_server_options, member) \
    }
    ROW("name", STRING, name),
    ROW("url", STRING, url),
    ROW("allowHttp", BOOL, allow_http),
    ROW("fetchPath", STRING, fetch_path),
    ROW("markPath", STRING, mark_path),
    ROW("user", STRING, user),
    ROW("tokenField", STRING, token_field),
    ROW("tlsCaFile", STRING, tls_ca_file),
    ROW("tlsCertificateFile", STRING, tls_certificate_file),
    ROW("tlsKeyFile", STRING, tls_key_file),
    ROW("proxy", STRING, proxy),
    ROW("inFlightMax", UNSIGNED, in_flight_max),
    ROW("connectTimeoutMs", UINT64, connect_timeout_ms),
    ROW("firstByteTimeoutMs", UINT64, first_byte_timeout_ms),
    ROW("stallTimeoutMs", UINT64, stall_timeout_ms),
    ROW("totalTimeoutMs", UINT64, total_timeout_ms),
    ROW("failedLoginsMax", UNSIGNED, failed_logins_max),
    ROW("loginGroup", STRING, login_group),
    ROW("breakerFailures", UNSIGNED, breaker_failures),
#undef ROW
    {NULL, OPTION_BOOL, 0},
};

static void finalize(napi_env env, void *data, void *hint)
{
    struct server *server = data;
    (void)env;
    (void)hint;
    poller_release(server->poller);
    free(server);
}

napi_value server_object(const struct server *server)
{
    napi_value object = NULL;
    return js_ok(server->poller->env,
                 napi_get_reference_value(server->poller->env, server->object,
                                          &object))
               ? object
               : NULL;
}

static void detach(struct server *server)
{
    server->handle = NULL;
    (void)napi_delete_reference(server->poller->env, server->object);
    server->object = NULL;
}

void server_detach_all(struct server *server)
{
    struct haplo_queue *queue = NULL;
    while ((queue = haplo_queue_next(server->handle, queue)) != NULL) {
        queue_detach(haplo_queue_data(queue));
    }
    detach(server);
}

/* -- Adding -----------------------------------------------------------------
 */

/* With its object, but not in its poller yet. */
static struct server *create(struct poller *poller, napi_value *object)
{
    struct server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return js_throw(poller->env, HAPLO_ENOMEM, "out of memory");
    }
    server->poller = poller;
    *object = addon_make(poller->addon, &server_class, server);
    if (*object == NULL) {
        free(server);
        return NULL;
    }
    poller->reference_count++;
    return js_ok(poller->env, napi_create_reference(poller->env, *object, 1,
                                                    &server->object))
               ? server
               : NULL;
}

static bool add(struct server *server, napi_value from, napi_value object)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    napi_env env = server->poller->env;
    struct option_texts texts = {.count = 0};
    struct haplo_server_options options = {.struct_size = sizeof(options),
                                           .data = server};
    bool is_read = options_read(env, from, table, &options, &texts);
    int error = !is_read ? HAPLO_EINVAL
                         : haplo_server_add(server->poller->handle, &options,
                                            &server->handle, why, sizeof(why));
    bool is_added =
        error == 0 && js_set(env, object, "name",
                             js_string(env, haplo_server_name(server->handle)));
    if (is_read && error != 0) {
        (void)js_throw_why(env, error, why);
    }
    options_free(&texts);
    return is_added;
}

napi_value server_add(struct poller *poller, napi_value options)
{
    napi_value object = NULL;
    struct server *server = create(poller, &object);
    if (server == NULL) {
        return NULL;
    }
    if (!add(server, options, object)) {
        if (server->handle != NULL) {
            (void)haplo_server_remove(server->handle); /* it has no queues */
        }
        detach(server);
        return NULL;
    }
    return object;
}

/* -- Methods ----------------------------------------------------------------
 */

static struct server *this_server(napi_env env, napi_callback_info info,
                                  size_t count, napi_value *arguments)
{
    struct server *server = js_this(env, info, count, arguments);
    if (server != NULL && server->poller->is_closing) {
        return js_throw_closed(env);
    }
    if (server != NULL && server->handle == NULL) {
        (void)js_throw(env, HAPLO_EINVAL, "the server has been removed");
        return NULL;
    }
    return server;
}

static napi_value add_queue(napi_env env, napi_callback_info info)
{
    napi_value options;
    struct server *server = this_server(env, info, 1, &options);
    return server != NULL ? queue_add(server->poller, server->handle, options)
                          : NULL;
}

static napi_value find_queue(napi_env env, napi_callback_info info)
{
    napi_value argument;
    struct server *server = this_server(env, info, 1, &argument);
    char *name = server != NULL
                     ? js_copy_string(env, argument, "the name of a queue")
                     : NULL;
    if (name == NULL) {
        return NULL;
    }
    struct haplo_queue *queue = haplo_queue_find(server->handle, name);
    free(name);
    return queue != NULL ? queue_object(haplo_queue_data(queue))
                         : js_undefined(env);
}

static napi_value list_queues(napi_env env, napi_callback_info info)
{
    struct server *server = this_server(env, info, 0, NULL);
    struct haplo_queue *queue = NULL;
    napi_value list = NULL;
    uint32_t i = 0;
    if (server == NULL || !js_ok(env, napi_create_array(env, &list))) {
        return NULL;
    }
    while ((queue = haplo_queue_next(server->handle, queue)) != NULL) {
        napi_value object = queue_object(haplo_queue_data(queue));
        if (object == NULL ||
            !js_ok(env, napi_set_element(env, list, i++, object))) {
            return NULL;
        }
    }
    return list;
}

static napi_value set_options(napi_env env, napi_callback_info info)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    napi_value from, result = NULL;
    struct server *server = this_server(env, info, 1, &from);
    struct option_texts texts = {.count = 0};
    struct haplo_server_options options = {.struct_size = sizeof(options),
                                           .data = server};
    if (server != NULL && options_read(env, from, table, &options, &texts)) {
        int error = haplo_server_set_options(server->handle, &options, why,
                                             sizeof(why));
        result = error == 0 ? js_undefined(env) : js_throw_why(env, error, why);
    }
    options_free(&texts);
    return result;
}

static napi_value remove_server(napi_env env, napi_callback_info info)
{
    struct server *server = this_server(env, info, 0, NULL);
    if (server == NULL) {
        return NULL;
    }
    int error = haplo_server_remove(server->handle);
    if (error != 0) {
        return js_throw(env, error, "the server still has queues");
    }
    detach(server);
    return js_undefined(env);
}

static napi_value get_stats(napi_env env, napi_callback_info info)
{
    struct server *server = this_server(env, info, 0, NULL);
    return server != NULL ? stats_of_server(env, server->handle) : NULL;
}

static const napi_property_descriptor properties[] = {
    ADDON_METHOD("add", add_queue),
    ADDON_METHOD("queue", find_queue),
    ADDON_GETTER("queues", list_queues),
    ADDON_METHOD("setOptions", set_options),
    ADDON_METHOD("remove", remove_server),
    ADDON_METHOD("stats", get_stats),
};

const struct class server_class = {
    .name = "Server",
    .index = CLASS_SERVER,
    .finalize_cb = finalize,
    .properties = properties,
    .property_count = sizeof(properties) / sizeof(*properties),
};
