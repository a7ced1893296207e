/*
 * haplopoll.c - the module "haplopoll" of Lua: libhaplopoll on luv's loop.
 */
#include "binding.h"

static int compare_states(lua_State *L)
{
    static const char *const names[] = {[HAPLO_COMPARE_CURRENT] = "current",
                                        [HAPLO_COMPARE_STORED] = "stored",
                                        [HAPLO_COMPARE_STALE] = "stale"};
    struct haplo_slice state;
    struct haplo_slice stored;
    state.data = luaL_checklstring(L, 1, &state.size);
    stored.data = luaL_optlstring(L, 2, "", &stored.size);
    lua_pushstring(L, names[haplo_state_compare(state, stored)]);
    return 1;
}

static int version(lua_State *L)
{
    lua_pushstring(L, haplo_version());
    return 1;
}

__attribute__((visibility("default"))) int luaopen_haplopoll(lua_State *L);

int luaopen_haplopoll(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"poller", poller_new},
        {"compare_states", compare_states},
        {"version", version},
        {NULL, NULL},
    };
    state_register(L);
    poller_register(L);
    server_register(L);
    queue_register(L);
    batch_register(L);
    lua_newtable(L);
    luaL_setfuncs(L, functions, 0);
    return 1;
}
