/*
 * batch.c - a batch that was delivered, until it is answered.
 *
 * The library allows a handle to be used after the answer, but only until the
 * poller is closed. A program of Lua may keep a batch for longer, so `queue` is
 * NULL once it was answered, and the handle is not used then.
 */
#include "binding.h"

static struct batch *batch_check(lua_State *L)
{
    return luaL_checkudata(L, 1, BATCH_TYPE);
}

void batch_push(lua_State *L, struct queue *queue)
{
    struct batch *batch = lua_newuserdata(L, sizeof *batch);
    *batch = (struct batch){.handle = queue->lent, .queue = queue};
    queue->holder = batch;
    luaL_getmetatable(L, BATCH_TYPE);
    lua_setmetatable(L, -2);
}

void batch_release(struct queue *queue, int error)
{
    if (queue->holder != NULL) {
        queue->holder->queue = NULL;
        queue->holder->error = error;
    }
    queue->holder = NULL;
    queue->is_lent = false;
}

static int batch_gc(lua_State *L)
{
    struct batch *batch = batch_check(L);
    if (batch->queue != NULL) {
        batch->queue->holder = NULL;
        poller_wake(batch->queue->server->poller);
        batch->queue = NULL;
    }
    return 0;
}

/* Reading */

static void push_slice(lua_State *L, const char *name, struct haplo_slice slice)
{
    lua_pushlstring(L, slice.data, slice.size);
    lua_setfield(L, -2, name);
}

static void push_message(lua_State *L, const struct haplo_message *message)
{
    lua_createtable(L, 0, 5);
    push_slice(L, "body", message->body);
    if (message->id.size > 0) {
        push_slice(L, "id", message->id);
    }
    if (message->datetime.size > 0) {
        push_slice(L, "datetime", message->datetime);
    }
    lua_pushlstring(L, (const char *)message->key, sizeof message->key);
    lua_setfield(L, -2, "key");
    field_flag(L, "is_repeat", message->is_repeat);
}

static int method_messages(lua_State *L)
{
    struct batch *batch = batch_check(L);
    if (batch->queue == NULL) {
        return result_push(L, batch->error, NULL);
    }
    size_t count = haplo_batch_message_count(batch->handle);
    const struct haplo_message *messages = haplo_batch_messages(batch->handle);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_message(L, &messages[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}

static int method_state(lua_State *L)
{
    struct batch *batch = batch_check(L);
    if (batch->queue == NULL) {
        return result_push(L, batch->error, NULL);
    }
    struct haplo_slice state = haplo_batch_state(batch->handle);
    lua_pushlstring(L, state.data, state.size);
    return 1;
}

static int method_new_count(lua_State *L)
{
    struct batch *batch = batch_check(L);
    if (batch->queue == NULL) {
        return result_push(L, batch->error, NULL);
    }
    lua_pushinteger(L, (lua_Integer)haplo_batch_new_count(batch->handle));
    return 1;
}

static int method_queue(lua_State *L)
{
    struct batch *batch = batch_check(L);
    if (batch->queue == NULL) {
        return result_push(L, batch->error, NULL);
    }
    function_push(L, batch->queue->anchor);
    return 1;
}

/* Answers */

/* Whether it may be answered, which it is from then on. */
static bool batch_take(struct batch *batch)
{
    if (batch->queue != NULL) {
        batch_release(batch->queue, HAPLO_EANSWERED);
        return true;
    }
    return false;
}

static int method_accept(lua_State *L)
{
    struct batch *batch = batch_check(L);
    int error =
        batch_take(batch) ? haplo_batch_accept(batch->handle) : batch->error;
    return result_push(L, error, NULL);
}

static int method_retry(lua_State *L)
{
    struct batch *batch = batch_check(L);
    lua_Number delay_ms = luaL_optnumber(L, 2, 0);
    luaL_argcheck(L, delay_ms >= 0 && delay_ms <= HAPLO_WAIT_MS_MAX, 2,
                  "milliseconds expected");
    const char *why = luaL_optstring(L, 3, NULL);
    int error = batch_take(batch)
                    ? haplo_batch_retry(batch->handle, (uint64_t)delay_ms, why)
                    : batch->error;
    return result_push(L, error, NULL);
}

static int method_stale(lua_State *L)
{
    struct batch *batch = batch_check(L);
    struct haplo_slice stored;
    stored.data = luaL_checklstring(L, 2, &stored.size);
    int error = batch_take(batch) ? haplo_batch_stale(batch->handle, stored)
                                  : batch->error;
    return result_push(L, error, NULL);
}

static int method_drop(lua_State *L)
{
    struct batch *batch = batch_check(L);
    const char *why = luaL_optstring(L, 2, NULL);
    int error =
        batch_take(batch) ? haplo_batch_drop(batch->handle, why) : batch->error;
    return result_push(L, error, NULL);
}

static int method_reject(lua_State *L)
{
    struct batch *batch = batch_check(L);
    const char *why = luaL_optstring(L, 2, NULL);
    int error = batch_take(batch) ? haplo_batch_reject(batch->handle, why)
                                  : batch->error;
    return result_push(L, error, NULL);
}

void batch_register(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"messages", method_messages},   {"state", method_state},
        {"new_count", method_new_count}, {"queue", method_queue},
        {"accept", method_accept},       {"retry", method_retry},
        {"stale", method_stale},         {"drop", method_drop},
        {"reject", method_reject},       {NULL, NULL},
    };
    type_register(L, BATCH_TYPE, methods, batch_gc);
}
