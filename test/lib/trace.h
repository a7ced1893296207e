/*
 * trace.h - records what state machines do as lines of text, so that a test
 * compares a whole story in virtual time with one string:
 *
 *   [ 100] a/student: FETCHING -> DELIVERING 16
 *   [ 200] a/student: DELIVERING -> DELIVER_WAIT EDELIVERY
 *   [ 300] a: UP -> DOWN ECONNECT
 *   [ 400] a: logins held EREFUSED
 *
 * The time is in milliseconds; after the states stands the error that led to
 * the change or, where there is none, the messages of the outstanding batch.
 */
#ifndef TEST_UNIT_TRACE_H
#define TEST_UNIT_TRACE_H

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/queue.h"
#include "core/server.h"
#include "haplopoll.h"

struct trace {
    char text[32768]; /* lines, each with its end */
    size_t size;      /* of text, without its NUL */
};

static inline void trace_clear(struct trace *trace)
{
    trace->size = 0;
    trace->text[0] = '\0';
}

__attribute__((format(printf, 2, 3))) static inline void trace_add(
    struct trace *trace, const char *format, ...)
{
    size_t room = sizeof trace->text - trace->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(trace->text + trace->size, room, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    assert((size_t)size < room);
    trace->size += (size_t)size;
}

/* " ECONNECT", or "" if there is no error. */
static inline void trace_add_error(struct trace *trace, int error)
{
    if (error != 0) {
        trace_add(trace, " %s", haplo_error_name(error) + strlen("HAPLO_"));
    }
}

/* name: "a/student". */
static inline void trace_queue(struct trace *trace, uint64_t now_ms,
                               const char *name, const struct queue *queue,
                               enum haplo_queue_state from, int error)
{
    trace_add(trace, "[%4" PRIu64 "] %s: %s -> %s", now_ms, name,
              haplo_queue_state_name(from),
              haplo_queue_state_name(queue->state));
    trace_add_error(trace, error);
    if (error == 0 && queue_has_batch(queue)) {
        trace_add(trace, " %" PRIu32, queue->batch_count);
    }
    trace_add(trace, "\n");
}

/* name: "a". */
static inline void trace_server(struct trace *trace, uint64_t now_ms,
                                const char *name, const struct server *server,
                                enum haplo_server_state from, int error)
{
    trace_add(trace, "[%4" PRIu64 "] %s: ", now_ms, name);
    if (from == server->state) {
        trace_add(trace, "logins %s", server->logins_held ? "held" : "free");
    } else {
        trace_add(trace, "%s -> %s", haplo_server_state_name(from),
                  haplo_server_state_name(server->state));
    }
    trace_add_error(trace, error);
    trace_add(trace, "\n");
}

#endif
