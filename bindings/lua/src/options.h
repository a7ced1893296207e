/* options.h - reads a table of options into a struct of libhaplopoll. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>

#include "compat.h"

enum option_type {
    OPTION_TEXT,
    OPTION_BYTES,    /* a haplo_slice */
    OPTION_FLAG,     /* true or false */
    OPTION_UNSIGNED, /* unsigned */
    OPTION_SIZE,     /* size_t */
    OPTION_UINT64,   /* uint64_t */
    OPTION_FORMAT,   /* enum haplo_format: "json" or "raw" */
    OPTION_FUNCTION  /* its type is checked; function_take() reads it */
};

struct option_row {
    const char *name; /* that of the member of the struct */
    enum option_type type;
    size_t offset; /* of the member */
};

/* Reads the table at index. Raises an error of Lua for a name that has no row,
 * and for a value of a wrong type. Texts are borrowed from the table. rows end
 * with a name of NULL. */
void options_read(lua_State *L, int index, const struct option_row *rows,
                  void *options);

#endif
