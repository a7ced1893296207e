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

void trace_event(struct world *world, const char *name,
                 const struct haplo_event *event)
{
    char text[32];
    if (world->trace_file == NULL) {
        return;
    }
    if (event->error == 0 && event->message_count > 0) {
        snprintf(text, sizeof text, " %" PRIu64, event->message_count);
    } else {
        error_text(event->error, text, sizeof text);
    }
    trace_line(world, "%s: %s -> %s%s", name,
               haplo_queue_state_name((enum haplo_queue_state)event->from),
               haplo_queue_state_name((enum haplo_queue_state)event->to), text);
}

void trace_server_event(struct world *world, const char *name,
                        const struct haplo_event *event, bool logins_held)
{
    char text[32];
    if (world->trace_file == NULL) {
        return;
    }
    error_text(event->error, text, sizeof text);
    if (event->from == event->to) {
        trace_line(world, "%s: logins %s%s", name,
                   logins_held ? "held" : "free", text);
    } else {
        trace_line(
            world, "%s: %s -> %s%s", name,
            haplo_server_state_name((enum haplo_server_state)event->from),
            haplo_server_state_name((enum haplo_server_state)event->to), text);
    }
}
