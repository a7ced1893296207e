/*
 * stdout.h - the outlet that writes each message as a line to standard output,
 * for a program at the other end of a pipe. haplo-stdout(5) describes the
 * lines.
 */
#ifndef OUTLETS_STDOUT_H
#define OUTLETS_STDOUT_H

#include "outlets/blocking.h"
#include "outlets/outlet.h"

extern const struct outlet_type stdout_outlet_type;

/* Its operations on the thread; tests use another descriptor. */
extern const struct blocking_ops stdout_ops;
int stdout_open_descriptor(int descriptor, const char *inbox_uuid, void **out,
                           struct reason *why);

#endif
