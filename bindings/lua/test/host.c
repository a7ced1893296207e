/* host.c - a program that contains Lua and luv, with a loop of its own. It goes
 * on after an error in a callback: host SCRIPT ARGUMENTS */
#include <stdio.h>

#include <luv/luv.h>

static int call(lua_State *L, int arguments, int results, int flags)
{
    return luv_cfpcall(L, arguments, results, flags | LUVF_CALLBACK_NOEXIT);
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    lua_State *L = luaL_newstate();
    uv_loop_init(&loop);
    luaL_openlibs(L);
    luv_set_loop(L, &loop);
    luv_set_callback(L, call);
    lua_newtable(L);
    for (int i = 1; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - 1);
    }
    lua_setglobal(L, "arg");
    int error = luaL_dofile(L, argv[1]);
    if (error != 0) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    }
    lua_close(L);
    /* Busy if a handle is left on it. */
    return error != 0 ? 1 : uv_loop_close(&loop) != 0 ? 2 : 0;
}
