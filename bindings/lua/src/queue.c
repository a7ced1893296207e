/*
 * queue.c - a queue of a server, and what its callbacks get.
 */
#include "binding.h"
#include "options.h"

#define OPTION(name, type)                                               \
    {                                                                    \
#name, OPTION_##type, offsetof(struct haplo_queue_options, name) \
    }

static const struct option_row queue_rows[] = {
    OPTION(name, TEXT),
    OPTION(api_key, TEXT),
    OPTION(state, BYTES),
    OPTION(interval_ms, UINT64),
    OPTION(interval_max_ms, UINT64),
    OPTION(backoff_ms, UINT64),
    OPTION(backoff_max_ms, UINT64),
    OPTION(refused_ms, UINT64),
    OPTION(mark_attempts_max, UNSIGNED),
    OPTION(body_bytes_max, SIZE),
    OPTION(format, FORMAT),
    OPTION(token_pointer, TEXT),
    OPTION(messages_pointer, TEXT),
    OPTION(token_pattern, TEXT),
    OPTION(content_type, TEXT),
    OPTION(key_proven, FLAG),
    {"deliver", OPTION_FUNCTION, 0},
    {"marked", OPTION_FUNCTION, 0},
    {"drained", OPTION_FUNCTION, 0},
    {NULL, OPTION_TEXT, 0},
};

struct queue *queue_check(lua_State *L, int index)
{
    struct queue *queue = luaL_checkudata(L, index, QUEUE_TYPE);
    luaL_argcheck(L, queue->handle != NULL, index,
                  "the queue was removed, or its poller closed");
    return queue;
}

static struct state *state_of_queue(const struct queue *queue)
{
    return queue->server->poller->state;
}

/* Callbacks */

static void call_deliver(lua_State *L, void *context)
{
    struct queue *queue = context;
    function_push(L, queue->deliver);
    batch_push(L, queue);
    lua_call(L, 1, 0);
}

/* After an error of the callback, if the process still exists, nobody knows
 * what was stored: the batch comes again, unless it was answered before. */
static void on_deliver(struct haplo_queue *handle, struct haplo_batch batch)
{
    struct queue *queue = haplo_queue_data(handle);
    queue->lent = batch;
    queue->is_lent = true;
    queue->holder = NULL;
    if (!state_run(state_of_queue(queue), call_deliver, queue) &&
        queue->is_lent) {
        batch_release(queue, HAPLO_EANSWERED);
        haplo_batch_retry(batch, 0, "the function \"deliver\" failed");
    }
}

struct marking {
    struct queue *queue;
    const struct haplo_mark *mark;
};

static void call_marked(lua_State *L, void *context)
{
    const struct marking *marking = context;
    const struct haplo_mark *mark = marking->mark;
    function_push(L, marking->queue->marked);
    function_push(L, marking->queue->anchor);
    lua_newtable(L);
    lua_pushlstring(L, mark->state.data, mark->state.size);
    lua_setfield(L, -2, "state");
    field_number(L, "message_count", mark->message_count);
    field_number(L, "marked_count", mark->marked_count);
    if (mark->unread_count >= 0) {
        field_number(L, "unread_count", (uint64_t)mark->unread_count);
    }
    lua_call(L, 2, 0);
}

static void on_marked(struct haplo_queue *handle, const struct haplo_mark *mark)
{
    struct marking marking = {haplo_queue_data(handle), mark};
    state_run(state_of_queue(marking.queue), call_marked, &marking);
}

static void call_drained(lua_State *L, void *context)
{
    struct queue *queue = context;
    function_push(L, queue->drained);
    function_push(L, queue->anchor);
    lua_call(L, 1, 0);
}

static void on_drained(struct haplo_queue *handle)
{
    struct queue *queue = haplo_queue_data(handle);
    state_run(state_of_queue(queue), call_drained, queue);
}

static void call_removed(lua_State *L, void *context)
{
    struct queue *queue = context;
    if (function_push(L, queue->removed)) {
        lua_call(L, 0, 0);
    }
}

/* The function may remove the server, so the queue leaves it before that. */
static void on_removed(struct haplo_queue *handle)
{
    struct queue *queue = haplo_queue_data(handle);
    struct state *state = state_of_queue(queue);
    queue->handle = NULL;
    LIST_REMOVE(queue, link);
    state_run(state, call_removed, queue);
    queue_release(state->luv->L, queue);
}

/* Life */

static void queue_init(lua_State *L, struct queue *queue, struct server *server)
{
    *queue = (struct queue){.server = server, .removed = LUA_NOREF};
    luaL_getmetatable(L, QUEUE_TYPE);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    queue->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    queue->deliver = function_take(L, 2, "deliver");
    queue->marked = function_take(L, 2, "marked");
    queue->drained = function_take(L, 2, "drained");
}

int queue_new(lua_State *L)
{
    struct server *server = server_check(L, 1);
    struct haplo_queue_options options = {.struct_size = sizeof options};
    char why[HAPLO_TEXT_SIZE_MAX];
    lua_settop(L, 2);
    options_read(L, 2, queue_rows, &options);
    struct queue *queue = lua_newuserdata(L, sizeof *queue);
    queue_init(L, queue, server);
    options.data = queue;
    options.deliver_cb = queue->deliver != LUA_NOREF ? on_deliver : NULL;
    options.marked_cb = queue->marked != LUA_NOREF ? on_marked : NULL;
    options.drained_cb = queue->drained != LUA_NOREF ? on_drained : NULL;
    int error = haplo_queue_add(server->handle, &options, &queue->handle, why,
                                sizeof why);
    if (error != 0) {
        queue_release(L, queue);
        return result_push(L, error, why);
    }
    LIST_INSERT_HEAD(&server->queues, queue, link);
    return 1;
}

void queue_release(lua_State *L, struct queue *queue)
{
    function_drop(L, &queue->deliver);
    function_drop(L, &queue->marked);
    function_drop(L, &queue->drained);
    function_drop(L, &queue->removed);
    function_drop(L, &queue->anchor);
}

void queue_forget(lua_State *L, struct queue *queue)
{
    queue->handle = NULL;
    LIST_REMOVE(queue, link);
    queue_release(L, queue);
}

/* Methods */

static int method_remove(lua_State *L)
{
    struct queue *queue = queue_check(L, 1);
    int removed = function_argument(L, 2);
    int error = haplo_queue_remove(queue->handle, on_removed);
    if (error != 0) {
        function_drop(L, &removed);
    } else {
        queue->removed = removed;
    }
    return result_push(L, error, NULL);
}

static int method_pause(lua_State *L)
{
    haplo_queue_pause(queue_check(L, 1)->handle);
    return 0;
}

static int method_give_up(lua_State *L)
{
    haplo_queue_give_up(queue_check(L, 1)->handle);
    return 0;
}

static int method_resume(lua_State *L)
{
    haplo_queue_resume(queue_check(L, 1)->handle);
    return 0;
}

static int method_resume_from(lua_State *L)
{
    struct queue *queue = queue_check(L, 1);
    struct haplo_slice state;
    state.data = luaL_checklstring(L, 2, &state.size);
    return result_push(L, haplo_queue_resume_from(queue->handle, state), NULL);
}

static int method_poll_now(lua_State *L)
{
    haplo_queue_poll_now(queue_check(L, 1)->handle);
    return 0;
}

static int method_set_key(lua_State *L)
{
    struct queue *queue = queue_check(L, 1);
    const char *api_key = luaL_checkstring(L, 2);
    return result_push(L, haplo_queue_set_key(queue->handle, api_key), NULL);
}

static int method_name(lua_State *L)
{
    lua_pushstring(L, haplo_queue_name(queue_check(L, 1)->handle));
    return 1;
}

static int method_server(lua_State *L)
{
    function_push(L, queue_check(L, 1)->server->anchor);
    return 1;
}

static void push_counters(lua_State *L, const struct haplo_queue_stats *stats)
{
    field_number(L, "fetch_count", stats->fetch_count);
    field_number(L, "batch_count", stats->batch_count);
    field_number(L, "message_count", stats->message_count);
    field_number(L, "marked_batch_count", stats->marked_batch_count);
    field_number(L, "marked_message_count", stats->marked_message_count);
    field_number(L, "failure_count", stats->failure_count);
    field_number(L, "deliver_retry_count", stats->deliver_retry_count);
    field_number(L, "foreign_mark_count", stats->foreign_mark_count);
    field_number(L, "body_bytes", stats->body_bytes);
}

static int method_stats(lua_State *L)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue_check(L, 1)->handle, &stats);
    lua_newtable(L);
    field_text(L, "state", haplo_queue_state_name(stats.state));
    field_number(L, "generation", stats.generation);
    field_number(L, "unconfirmed_count", stats.unconfirmed_count);
    if (stats.unread_count >= 0) {
        field_number(L, "unread_count", (uint64_t)stats.unread_count);
    }
    field_number(L, "wait_ms", stats.wait_ms);
    field_number(L, "failures", stats.failures);
    if (stats.error != 0) {
        field_text(L, "error", haplo_error_name(stats.error));
        field_text(L, "error_text", stats.error_text);
    }
    push_counters(L, &stats);
    field_flag(L, "key_proven", stats.key_proven);
    return 1;
}

void queue_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"remove", method_remove},
        {"pause", method_pause},
        {"give_up", method_give_up},
        {"resume", method_resume},
        {"resume_from", method_resume_from},
        {"poll_now", method_poll_now},
        {"set_key", method_set_key},
        {"name", method_name},
        {"server", method_server},
        {"stats", method_stats},
        {NULL, NULL},
    };
    type_register(L, QUEUE_TYPE, methods, NULL);
}
