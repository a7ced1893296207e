/*
 * json.h - walks over JSON text without building a tree. The simulator must
 * return numbers and escapes exactly as it was given them.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <stddef.h>

#include "sim/buffer.h"

/* Skips white space. */
const char *sim_json_blank(const char *at, const char *end);

/* Skips one value and the white space after it; NULL if it is malformed. */
const char *sim_json_skip(const char *at, const char *end);

/* Appends one valid value, indented as by JSON.stringify(value, null, 2), for
 * this depth. */
void sim_json_indent(struct sim_buffer *to, const char *at, const char *end,
                     int depth);

/* Appends one valid value without any white space. */
void sim_json_compact(struct sim_buffer *to, const char *at, const char *end);

#endif
