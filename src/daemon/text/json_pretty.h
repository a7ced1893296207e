/*
 * json_pretty.h - prints a JSON value with line breaks and indentation, for
 * people: nothing else of it changes, except that control characters in texts
 * become escapes, since terminals obey them. Pure.
 */
#ifndef DAEMON_JSON_PRETTY_H
#define DAEMON_JSON_PRETTY_H

#include <stdio.h>

#include "haplopoll.h"

/* The value must be valid JSON; other bytes are printed as well as can be. */
void json_pretty_print(FILE *out, struct haplo_slice value);

/* Bytes that are not JSON: those that a terminal would obey, except line
 * breaks, become "?". */
void json_pretty_print_raw(FILE *out, struct haplo_slice bytes);

#endif
