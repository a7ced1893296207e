/*
 * trace.h - one line for each thing that happens, with its virtual time:
 *
 *   [ 100] a/q1: FETCHING -> DELIVERING 16
 */
#ifndef TEST_SIM_TRACE_H
#define TEST_SIM_TRACE_H

#include <stdint.h>

#include "core/queue.h"
#include "core/server.h"

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

void trace_queue(struct world *world, const char *name,
                 const struct queue *queue, enum haplo_queue_state from,
                 int error);

void trace_server(struct world *world, const char *name,
                  const struct server *server, enum haplo_server_state from,
                  int error);

#endif
