/*
 * state.h - what the binding has for each Lua state, and how it calls Lua.
 *
 * It is a userdata that is made after luv's loop and before any poller. When
 * lua_close() finalizes it, later objects are finalized already, and luv's loop
 * still works. It closes the pollers that are left, and runs the loop until
 * they are closed: luv would close their handles with a function for its own.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>
#include <stdint.h>

#include <luv/luv.h>
#include <sys/queue.h>

#include "compat.h"

struct state {
    luv_ctx_t *luv; /* the loop, and the thread of Lua for callbacks */
    int run;        /* reference of the function that calls a job */
    bool is_closed; /* by lua_close() */
    LIST_HEAD(, poller) pollers; /* open, or being closed */
};

/* Loads luv, unless the program that contains Lua has made a loop for it. */
void state_register(lua_State *L);
struct state *state_of(lua_State *L);

/* Calls job(L, context) as luv calls a callback: an error is printed and ends
 * the process, unless the program that contains Lua decides otherwise. Then
 * false is returned. */
typedef void (*state_job)(lua_State *L, void *context);
bool state_run(struct state *state, state_job job, void *context);

/* Makes the metatable of a type; gc may be NULL. */
void type_register(lua_State *L, const char *type, const luaL_Reg *methods,
                   lua_CFunction gc);

/* The function in field `name` of the table at index, as a reference, or
 * LUA_NOREF. */
int function_take(lua_State *L, int index, const char *name);
/* An argument that may be a function, likewise. */
int function_argument(lua_State *L, int index);
/* Frees it. */
void function_drop(lua_State *L, int *reference);
/* Pushes the function; false if it has been dropped, or was never set. */
bool function_push(lua_State *L, int reference);

/* What a method returns: true; or nil, a text and the name of the error. why
 * may be NULL. */
int result_push(lua_State *L, int error, const char *why);

/* Sets a field of the table on the top of the stack. */
void field_number(lua_State *L, const char *name, uint64_t value);
void field_text(lua_State *L, const char *name, const char *value);
void field_flag(lua_State *L, const char *name, bool value);

#endif
