/*
 * exec_input.h - what a command reads from standard input: a file in memory,
 * complete before the command starts.
 *
 * It is not a pipe, because a reader takes the end of a pipe for the end of the
 * data: if haplo-poll died meanwhile, half a message would pass for a whole
 * one. Nor has anything to be written while the command runs, whether it reads
 * or not.
 */
#ifndef OUTLETS_EXEC_INPUT_H
#define OUTLETS_EXEC_INPUT_H

#include <stdbool.h>

#include "outlets/outlet.h"

/* Writes count messages of a parcel, from the first undelivered one on: a line
 * for each (envelope.h), or the exact bytes of one. Returns a descriptor to be
 * closed, or a negative errno. */
int exec_input_open(const struct outlet_parcel *parcel, size_t count,
                    bool is_lines, const char *inbox_uuid);

#endif
