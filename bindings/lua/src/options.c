/*
 * options.c - reads a table of options into a struct of libhaplopoll.
 */
#include "options.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <haplopoll.h>

/* Up to which the numbers of Lua 5.1 are exact. */
#define NUMBER_MAX ((double)((uint64_t)1 << 53))

static const int lua_types[] = {
    [OPTION_TEXT] = LUA_TSTRING,   [OPTION_BYTES] = LUA_TSTRING,
    [OPTION_FLAG] = LUA_TBOOLEAN,  [OPTION_UNSIGNED] = LUA_TNUMBER,
    [OPTION_SIZE] = LUA_TNUMBER,   [OPTION_UINT64] = LUA_TNUMBER,
    [OPTION_FORMAT] = LUA_TSTRING, [OPTION_FUNCTION] = LUA_TFUNCTION,
};

static const struct option_row *find_row(const struct option_row *rows,
                                         const char *name)
{
    while (rows->name != NULL && strcmp(rows->name, name) != 0) {
        rows++;
    }
    return rows;
}

static uint64_t number_at(lua_State *L, int index, const struct option_row *row)
{
    double max = row->type == OPTION_UNSIGNED ? UINT_MAX : NUMBER_MAX;
    double number = lua_tonumber(L, index);
    if (!(number >= 0 && number <= max) || number != (double)(uint64_t)number) {
        luaL_error(L, "option '%s': a whole number, not negative, expected",
                   row->name);
    }
    return (uint64_t)number;
}

static enum haplo_format format_at(lua_State *L, int index)
{
    const char *text = lua_tostring(L, index);
    if (strcmp(text, "json") != 0 && strcmp(text, "raw") != 0) {
        luaL_error(L, "option 'format': \"json\" or \"raw\" expected");
    }
    return strcmp(text, "raw") == 0 ? HAPLO_FORMAT_RAW : HAPLO_FORMAT_JSON;
}

/* Not of a text that contains NUL: the library would read a part of it. */
static const char *text_at(lua_State *L, int index,
                           const struct option_row *row)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (strlen(text) != size) {
        luaL_error(L, "option '%s': it contains a zero byte", row->name);
    }
    return text;
}

static void set_member(lua_State *L, int index, const struct option_row *row,
                       void *member)
{
    struct haplo_slice *slice = member;
    switch (row->type) {
    case OPTION_TEXT:
        *(const char **)member = text_at(L, index, row);
        break;
    case OPTION_BYTES:
        slice->data = lua_tolstring(L, index, &slice->size);
        break;
    case OPTION_FLAG:
        *(bool *)member = lua_toboolean(L, index);
        break;
    case OPTION_UNSIGNED:
        *(unsigned *)member = (unsigned)number_at(L, index, row);
        break;
    case OPTION_SIZE:
        *(size_t *)member = (size_t)number_at(L, index, row);
        break;
    case OPTION_UINT64:
        *(uint64_t *)member = number_at(L, index, row);
        break;
    case OPTION_FORMAT:
        *(enum haplo_format *)member = format_at(L, index);
        break;
    case OPTION_FUNCTION:
        break;
    }
}

/* The value is at index -1, its key below it. Neither is converted: the table
 * would be changed while it is visited, and a converted text be collected. */
static void read_option(lua_State *L, const struct option_row *rows,
                        void *options)
{
    if (lua_type(L, -2) != LUA_TSTRING) {
        luaL_error(L, "options have names, but there is one without");
    }
    const char *name = lua_tostring(L, -2);
    const struct option_row *row = find_row(rows, name);
    if (row->name == NULL) {
        luaL_error(L, "unknown option '%s'", name);
    }
    if (lua_type(L, -1) != lua_types[row->type]) {
        luaL_error(L, "option '%s': %s expected, got %s", name,
                   lua_typename(L, lua_types[row->type]), luaL_typename(L, -1));
    }
    set_member(L, -1, row, (char *)options + row->offset);
}

void options_read(lua_State *L, int index, const struct option_row *rows,
                  void *options)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        read_option(L, rows, options);
        lua_pop(L, 1);
    }
}
