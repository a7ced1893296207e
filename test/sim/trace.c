#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

void trace_line(struct world *world, const char *format, ...)
{
    va_list arguments;
    fprintf(world->trace_file, "[%4" PRIu64 "] ", world->now_ms);
    va_start(arguments, format);
    vfprintf(world->trace_file, format, arguments);
    va_end(arguments);
    fputc('\n', world->trace_file);
}

/* " ECONNECT", or "" if there is no error. */
static const char *error_text(int error, char *text, size_t size)
{
    text[0] = '\0';
    if (error != 0) {
        snprintf(text, size, " %s", haplo_error_name(error) + strlen("HAPLO_"));
    }
    return text;
}

void trace_queue(struct world *world, const char *name,
                 const struct queue *queue, enum haplo_queue_state from,
                 int error)
{
    char text[32];
    if (world->trace_file == NULL) {
        return;
    }
    if (error == 0 && queue_has_batch(queue)) {
        snprintf(text, sizeof text, " %" PRIu64, queue->batch_count);
    } else {
        error_text(error, text, sizeof text);
    }
    trace_line(world, "%s: %s -> %s%s", name, haplo_queue_state_name(from),
               haplo_queue_state_name(queue->state), text);
}

void trace_server(struct world *world, const char *name,
                  const struct server *server, enum haplo_server_state from,
                  int error)
{
    char text[32];
    if (world->trace_file == NULL) {
        return;
    }
    error_text(error, text, sizeof text);
    if (from == server->state) {
        trace_line(world, "%s: logins %s%s", name,
                   server->logins_held ? "held" : "free", text);
    } else {
        trace_line(world, "%s: %s -> %s%s", name, haplo_server_state_name(from),
                   haplo_server_state_name(server->state), text);
    }
}
