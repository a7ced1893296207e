/*
 * poller.c - a poller on luv's loop.
 *
 *   - haplo.poller{...} makes it, with an idle handle beside it. This handle is
 *     active while there is something to do that cannot be done immediately.
 *   - poller:add_server{...} adds servers: see server.c.
 *   - poller:close() releases what is outstanding. When the library has closed
 *     its handles, the idle handle is closed as well; then the registry of Lua
 *     forgets the poller, its servers and its queues.
 *
 * What cannot be done immediately: events, as event_cb must not call the
 * library; and the answer to a batch that was collected, as the collector may
 * run at any moment.
 */
#include "binding.h"
#include "options.h"

#define OPTION(name, type)                                                \
    {                                                                     \
#name, OPTION_##type, offsetof(struct haplo_poller_options, name) \
    }

static const struct option_row poller_rows[] = {
    OPTION(in_flight_max, UNSIGNED),
    OPTION(undelivered_bytes_max, SIZE),
    OPTION(seed, UINT64),
    {"event", OPTION_FUNCTION, 0},
    {NULL, OPTION_TEXT, 0},
};

struct poller *poller_check(lua_State *L, int index)
{
    struct poller *poller = luaL_checkudata(L, index, POLLER_TYPE);
    luaL_argcheck(L, poller->handle != NULL, index, "the poller is closed");
    return poller;
}

/* The answers to batches that were collected. */
static void answer_forgotten(struct poller *poller)
{
    struct server *server;
    struct queue *queue;
    LIST_FOREACH (server, &poller->servers, link) {
        LIST_FOREACH (queue, &server->queues, link) {
            if (queue->is_lent && queue->holder == NULL) {
                queue->is_lent = false;
                haplo_batch_retry(queue->lent, 0,
                                  "the batch was collected as garbage");
            }
        }
    }
}

static void on_turn(uv_idle_t *turn)
{
    struct poller *poller = turn->data;
    uv_idle_stop(turn);
    answer_forgotten(poller);
    event_report(poller);
}

void poller_wake(struct poller *poller)
{
    if (poller->handle != NULL) {
        uv_idle_start(&poller->turn, on_turn); /* cannot fail */
    }
}

/* Closing */

static void call_closed(lua_State *L, void *context)
{
    struct poller *poller = context;
    if (function_push(L, poller->closed)) {
        lua_call(L, 0, 0);
    }
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct poller *poller = handle->data;
    lua_State *L = poller->state->luv->L;
    struct server *server;
    while ((server = LIST_FIRST(&poller->servers)) != NULL) {
        server_forget(L, server);
    }
    LIST_REMOVE(poller, link);
    state_run(poller->state, call_closed, poller);
    function_drop(L, &poller->event);
    function_drop(L, &poller->stopped);
    function_drop(L, &poller->closed);
    function_drop(L, &poller->anchor);
}

static void on_closed(void *data)
{
    struct poller *poller = data;
    uv_close((uv_handle_t *)&poller->turn, on_turn_closed);
}

void poller_close(struct poller *poller)
{
    struct haplo_poller *handle = poller->handle;
    struct server *server;
    struct queue *queue;
    if (handle == NULL) {
        return; /* it is being closed already */
    }
    poller->handle = NULL;
    uv_idle_stop(&poller->turn);
    event_drop(poller);
    haplo_poller_close(handle, on_closed);
    LIST_FOREACH (server, &poller->servers, link) {
        server->handle = NULL;
        LIST_FOREACH (queue, &server->queues, link) {
            queue->handle = NULL;
            if (queue->is_lent) {
                batch_release(queue, HAPLO_ESTOPPED);
                haplo_batch_drop(queue->lent, NULL);
            }
        }
    }
}

static int method_close(lua_State *L)
{
    struct poller *poller = poller_check(L, 1);
    int closed = function_argument(L, 2);
    poller->closed = closed;
    poller_close(poller);
    return 0;
}

/* Stopping */

static void call_stopped(lua_State *L, void *context)
{
    struct poller *poller = context;
    if (function_push(L, poller->stopped)) {
        lua_pushinteger(L, (lua_Integer)poller->batches_left);
        lua_call(L, 1, 0);
    }
}

static void on_stopped(struct haplo_poller *handle, size_t batches_left)
{
    struct poller *poller = haplo_poller_data(handle);
    poller->batches_left = batches_left;
    state_run(poller->state, call_stopped, poller);
}

static int method_stop(lua_State *L)
{
    struct poller *poller = poller_check(L, 1);
    lua_Number deadline_ms = luaL_checknumber(L, 2);
    luaL_argcheck(L, deadline_ms >= 0 && deadline_ms <= HAPLO_WAIT_MS_MAX, 2,
                  "milliseconds expected");
    int stopped = function_argument(L, 3);
    int error =
        haplo_poller_stop(poller->handle, (uint64_t)deadline_ms, on_stopped);
    if (error != 0) {
        function_drop(L, &stopped);
    } else {
        poller->stopped = stopped;
    }
    return result_push(L, error, NULL);
}

/* The rest of its life */

static void poller_init(lua_State *L, struct poller *poller,
                        struct state *state)
{
    *poller = (struct poller){.state = state,
                              .anchor = LUA_NOREF,
                              .event = LUA_NOREF,
                              .stopped = LUA_NOREF,
                              .closed = LUA_NOREF};
    STAILQ_INIT(&poller->events);
    LIST_INIT(&poller->servers);
    luaL_getmetatable(L, POLLER_TYPE);
    lua_setmetatable(L, -2);
}

int poller_new(lua_State *L)
{
    struct state *state = state_of(L);
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_poller_options options = {.struct_size = sizeof options};
    if (state->is_closed) {
        return luaL_error(L, "Lua is being closed");
    }
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    options_read(L, 1, poller_rows, &options);
    struct poller *poller = lua_newuserdata(L, sizeof *poller);
    poller_init(L, poller, state);
    /* What may raise an error comes before what cannot be undone. */
    poller->event = function_take(L, 1, "event");
    lua_pushvalue(L, -1);
    poller->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    options.data = poller;
    options.event_cb = poller->event != LUA_NOREF ? event_keep : NULL;
    int error = haplo_poller_new(state->luv->loop, &options, &poller->handle,
                                 why, sizeof why);
    if (error != 0) {
        function_drop(L, &poller->event);
        function_drop(L, &poller->anchor);
        return result_push(L, error, why);
    }
    uv_idle_init(state->luv->loop, &poller->turn); /* cannot fail */
    poller->turn.data = poller;
    LIST_INSERT_HEAD(&state->pollers, poller, link);
    return 1;
}

static int method_ref(lua_State *L)
{
    haplo_poller_ref(poller_check(L, 1)->handle);
    return 0;
}

static int method_unref(lua_State *L)
{
    haplo_poller_unref(poller_check(L, 1)->handle);
    return 0;
}

static int method_stats(lua_State *L)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    haplo_poller_get_stats(poller_check(L, 1)->handle, &stats);
    lua_newtable(L);
    field_number(L, "in_flight", stats.in_flight);
    field_number(L, "undelivered_bytes", stats.undelivered_bytes);
    field_number(L, "server_count", stats.server_count);
    field_number(L, "queue_count", stats.queue_count);
    field_number(L, "connection_count", stats.connection_count);
    return 1;
}

void poller_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"add_server", server_new},
        {"close", method_close},
        {"stop", method_stop},
        {"ref", method_ref},
        {"unref", method_unref},
        {"stats", method_stats},
        {NULL, NULL},
    };
    type_register(L, POLLER_TYPE, methods, NULL);
}
