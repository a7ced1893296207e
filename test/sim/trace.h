/*
 * trace.h - prints one line for each event, with its virtual time:
 *
 *   [ 100] a/q1: FETCHING -> DELIVERING 16
 */
#ifndef TEST_SIM_TRACE_H
#define TEST_SIM_TRACE_H

#include <stdint.h>

#include "haplopoll.h"

struct world;

/* Costs nothing when nobody reads it. */
#define TRACE(world, ...)                     \
    do {                                      \
        if ((world)->trace_file != NULL) {    \
            trace_line((world), __VA_ARGS__); \
        }                                     \
    } while (0)

void trace_line(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void trace_event(struct world *world, const char *name,
                 const struct haplo_event *event);

void trace_server_event(struct world *world, const char *name,
                        const struct haplo_event *event, bool logins_held);

#endif
