/*
 * state.c - what the binding has for each Lua state, and how it calls Lua.
 */
#include "state.h"

#include "binding.h"

#define STATE_KEY "haplopoll.state"

struct call {
    state_job job;
    void *context;
};

/* It is in the registry from the beginning, as Lua 5.1 has to allocate memory
 * to push a function of C, which may fail where nobody would catch the error.
 */
static int run_job(lua_State *L)
{
    struct call *call = lua_touserdata(L, 1);
    lua_settop(L, 0);
    call->job(L, call->context);
    return 0;
}

bool state_run(struct state *state, state_job job, void *context)
{
    struct call call = {job, context};
    lua_State *L = state->luv->L;
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->run);
    lua_pushlightuserdata(L, &call);
    return state->luv->cb_pcall(L, 1, 0, 0) >= 0;
}

static int state_gc(lua_State *L)
{
    struct state *state = lua_touserdata(L, 1);
    struct poller *poller;
    state->is_closed = true;
    LIST_FOREACH (poller, &state->pollers, link) {
        poller_close(poller);
    }
    while (!LIST_EMPTY(&state->pollers)) {
        uv_run(state->luv->loop, UV_RUN_ONCE);
    }
    return 0;
}

static void load_luv(lua_State *L)
{
    lua_getglobal(L, "require");
    lua_pushliteral(L, "luv");
    lua_call(L, 1, 0);
    if (luv_loop(L) == NULL) {
        luaL_error(L, "haplopoll: luv has no loop");
    }
}

void state_register(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, STATE_KEY);
    bool is_there = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_there) {
        return;
    }
    if (luv_loop(L) == NULL) {
        load_luv(L);
    }
    struct state *state = lua_newuserdata(L, sizeof *state);
    state->luv = luv_context(L);
    state->is_closed = false;
    LIST_INIT(&state->pollers);
    lua_pushcfunction(L, run_job);
    state->run = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setfield(L, LUA_REGISTRYINDEX, STATE_KEY);
}

struct state *state_of(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, STATE_KEY);
    struct state *state = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return state;
}

static int type_tostring(lua_State *L)
{
    lua_pushfstring(L, "%s: %p", lua_tostring(L, lua_upvalueindex(1)),
                    lua_topointer(L, 1));
    return 1;
}

void type_register(lua_State *L, const char *type, const luaL_Reg *methods,
                   lua_CFunction gc)
{
    luaL_newmetatable(L, type);
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, type);
    lua_pushcclosure(L, type_tostring, 1);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "a type of haplopoll"); /* programs cannot change it */
    lua_setfield(L, -2, "__metatable");
    if (gc != NULL) {
        lua_pushcfunction(L, gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
}

int function_take(lua_State *L, int index, const char *name)
{
    lua_getfield(L, index, name);
    if (!lua_isnil(L, -1)) {
        return luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_pop(L, 1);
    return LUA_NOREF;
}

int function_argument(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) {
        return LUA_NOREF;
    }
    luaL_checktype(L, index, LUA_TFUNCTION);
    lua_pushvalue(L, index);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void function_drop(lua_State *L, int *reference)
{
    luaL_unref(L, LUA_REGISTRYINDEX, *reference);
    *reference = LUA_NOREF;
}

bool function_push(lua_State *L, int reference)
{
    if (reference == LUA_NOREF) {
        return false;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
    return true;
}

int result_push(lua_State *L, int error, const char *why)
{
    if (error == 0) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, why != NULL ? why : haplo_error_text(error));
    lua_pushstring(L, haplo_error_name(error));
    return 3;
}

void field_number(lua_State *L, const char *name, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, name);
}

void field_text(lua_State *L, const char *name, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

void field_flag(lua_State *L, const char *name, bool value)
{
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}
