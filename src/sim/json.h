/*
 * json.h - walks over JSON text without building anything: the simulator has
 * to keep numbers and escapes as they were given.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <stddef.h>

#include "sim/buffer.h"

/* Past white space. */
const char *sim_json_blank(const char *at, const char *end);

/* Past one value and the white space after it; NULL when it is broken. */
const char *sim_json_skip(const char *at, const char *end);

/* Appends one valid value as JSON.stringify(value, null, 2) indents it at this
 * depth. */
void sim_json_indent(struct sim_buffer *to, const char *at, const char *end,
                     int depth);

/* Appends one valid value without white space. */
void sim_json_compact(struct sim_buffer *to, const char *at, const char *end);

#endif
