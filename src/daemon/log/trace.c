#include "daemon/log/trace.h"

#include <stdio.h>

#include "daemon/log/log.h"

static void format_tail(const struct haplo_event *event, char *text,
                        size_t size)
{
    text[0] = '\0';
    if (event->error != 0) {
        snprintf(text, size, " %s", haplo_error_name(event->error));
    } else if (event->message_count > 0) {
        snprintf(text, size, " %llu", (unsigned long long)event->message_count);
    }
}

void trace_event(const struct haplo_event *event)
{
    char tail[64];
    if (!log_takes(LOG_LEVEL_TRACE)) {
        return;
    }
    format_tail(event, tail, sizeof tail);
    if (event->queue == NULL) {
        log_line(
            LOG_LEVEL_TRACE, "[%4llu] %s: %s -> %s%s",
            (unsigned long long)event->now_ms, haplo_server_name(event->server),
            haplo_server_state_name((enum haplo_server_state)event->from),
            haplo_server_state_name((enum haplo_server_state)event->to), tail);
        return;
    }
    log_line(LOG_LEVEL_TRACE, "[%4llu] %s/%s: %s -> %s%s",
             (unsigned long long)event->now_ms,
             haplo_server_name(event->server), haplo_queue_name(event->queue),
             haplo_queue_state_name((enum haplo_queue_state)event->from),
             haplo_queue_state_name((enum haplo_queue_state)event->to), tail);
}

void trace_outlet(const struct forwarder_event *event)
{
    if (!log_takes(LOG_LEVEL_TRACE)) {
        return;
    }
    if (event->server == NULL) {
        log_line(LOG_LEVEL_TRACE, "outlet %s: %s", event->outlet, event->state);
    } else {
        log_line(LOG_LEVEL_TRACE, "outlet %s: %s/%s: %s", event->outlet,
                 event->server, event->queue, event->state);
    }
}
