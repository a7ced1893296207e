/*
 * server.c - a server of a poller.
 */
#include "binding.h"
#include "options.h"

#define OPTION(name, type)                                                \
    {                                                                     \
#name, OPTION_##type, offsetof(struct haplo_server_options, name) \
    }

static const struct option_row server_rows[] = {
    OPTION(name, TEXT),
    OPTION(url, TEXT),
    OPTION(allow_http, FLAG),
    OPTION(fetch_path, TEXT),
    OPTION(mark_path, TEXT),
    OPTION(user, TEXT),
    OPTION(token_field, TEXT),
    OPTION(tls_ca_file, TEXT),
    OPTION(tls_certificate_file, TEXT),
    OPTION(tls_key_file, TEXT),
    OPTION(proxy, TEXT),
    OPTION(in_flight_max, UNSIGNED),
    OPTION(connect_timeout_ms, UINT64),
    OPTION(first_byte_timeout_ms, UINT64),
    OPTION(stall_timeout_ms, UINT64),
    OPTION(total_timeout_ms, UINT64),
    OPTION(failed_logins_max, UNSIGNED),
    OPTION(login_group, TEXT),
    OPTION(breaker_failures, UNSIGNED),
    {NULL, OPTION_TEXT, 0},
};

struct server *server_check(lua_State *L, int index)
{
    struct server *server = luaL_checkudata(L, index, SERVER_TYPE);
    luaL_argcheck(L, server->handle != NULL, index,
                  "the server was removed, or its poller closed");
    return server;
}

int server_new(lua_State *L)
{
    struct poller *poller = poller_check(L, 1);
    struct haplo_server_options options = {.struct_size = sizeof options};
    char why[HAPLO_TEXT_SIZE_MAX];
    lua_settop(L, 2);
    options_read(L, 2, server_rows, &options);
    struct server *server = lua_newuserdata(L, sizeof *server);
    *server = (struct server){.poller = poller};
    LIST_INIT(&server->queues);
    luaL_getmetatable(L, SERVER_TYPE);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    server->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    options.data = server;
    int error = haplo_server_add(poller->handle, &options, &server->handle, why,
                                 sizeof why);
    if (error != 0) {
        function_drop(L, &server->anchor);
        return result_push(L, error, why);
    }
    LIST_INSERT_HEAD(&poller->servers, server, link);
    return 1;
}

void server_forget(lua_State *L, struct server *server)
{
    struct queue *queue;
    while ((queue = LIST_FIRST(&server->queues)) != NULL) {
        queue_forget(L, queue);
    }
    server->handle = NULL;
    LIST_REMOVE(server, link);
    function_drop(L, &server->anchor);
}

static int method_remove(lua_State *L)
{
    struct server *server = server_check(L, 1);
    int error = haplo_server_remove(server->handle);
    if (error == 0) {
        server_forget(L, server);
    }
    return result_push(L, error, NULL);
}

static int method_name(lua_State *L)
{
    lua_pushstring(L, haplo_server_name(server_check(L, 1)->handle));
    return 1;
}

static int method_stats(lua_State *L)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_get_stats(server_check(L, 1)->handle, &stats);
    lua_newtable(L);
    field_text(L, "state", haplo_server_state_name(stats.state));
    field_number(L, "in_flight", stats.in_flight);
    field_number(L, "failures", stats.failures);
    field_number(L, "failed_logins", stats.failed_logins);
    field_flag(L, "logins_held", stats.logins_held);
    field_number(L, "wait_ms", stats.wait_ms);
    if (stats.error != 0) {
        field_text(L, "error", haplo_error_name(stats.error));
        field_text(L, "error_text", stats.error_text);
    }
    field_number(L, "queue_count", stats.queue_count);
    field_number(L, "request_count", stats.request_count);
    field_number(L, "failed_login_count", stats.failed_login_count);
    field_number(L, "throttle_count", stats.throttle_count);
    field_number(L, "certificate_expires_ms", stats.certificate_expires_ms);
    field_number(L, "ca_certificate_expires_ms",
                 stats.ca_certificate_expires_ms);
    field_number(L, "client_certificate_expires_ms",
                 stats.client_certificate_expires_ms);
    return 1;
}

void server_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"add_queue", queue_new},
        {"remove", method_remove},
        {"name", method_name},
        {"stats", method_stats},
        {NULL, NULL},
    };
    type_register(L, SERVER_TYPE, methods, NULL);
}
