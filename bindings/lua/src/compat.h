/* compat.h - what Lua 5.1 and LuaJIT lack of Lua 5.2 to 5.4. */
#ifndef COMPAT_H
#define COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen lua_objlen
/* LuaJIT has these functions, but modules for it are built with the headers of
 * Lua 5.1. */
#define luaL_setfuncs compat_setfuncs

static inline void compat_setfuncs(lua_State *L, const luaL_Reg *row, int none)
{
    (void)none; /* upvalues: not used here */
    for (; row->name != NULL; row++) {
        lua_pushcfunction(L, row->func);
        lua_setfield(L, -2, row->name);
    }
}
#endif

#endif
