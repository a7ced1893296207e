/*
 * trace.h - prints every change of state as a line, for --verbose and for
 * tests: "[ 100] example/student: FETCHING -> DELIVERING 16".
 */
#ifndef DAEMON_TRACE_H
#define DAEMON_TRACE_H

#include "haplopoll.h"
#include "outlets/forwarder/forwarder.h"

/* Prints the event at LOG_LEVEL_TRACE. */
void trace_event(const struct haplo_event *event);
void trace_outlet(const struct forwarder_event *event);

#endif
