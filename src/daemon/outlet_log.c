#include "daemon/outlet_log.h"

#include <stdio.h>
#include <string.h>

#include "daemon/log.h"

#define LANE_SIZE (2 * HAPLO_NAME_SIZE_MAX + 32)

/* "outlet out", or "outlet out: example/student" */
static const char *who(const struct forwarder_event *event,
                       char text[2 * LANE_SIZE])
{
    if (event->server == NULL) {
        snprintf(text, 2 * LANE_SIZE, "outlet %s", event->outlet);
    } else {
        snprintf(text, 2 * LANE_SIZE, "outlet %s: %s/%s", event->outlet,
                 event->server, event->queue);
    }
    return text;
}

static void log_blocked(const struct forwarder_event *event)
{
    char name[2 * LANE_SIZE];
    log_line(LOG_LEVEL_ERROR,
             "%s: blocked by its message %llu: %s: `haplo-poll outlet skip %s "
             "%s/%s` passes over it",
             who(event, name), (unsigned long long)event->arrival, event->why,
             event->outlet, event->server, event->queue);
}

static void log_wait(const struct forwarder_event *event)
{
    char name[2 * LANE_SIZE];
    log_line(LOG_LEVEL_WARNING, "%s: %s: %s (next try in %.1f s)",
             who(event, name), event->state, event->why,
             (double)event->delay_ms / 1000);
}

void outlet_log(const struct forwarder_event *event)
{
    char name[2 * LANE_SIZE];
    if (strcmp(event->state, "blocked") == 0) {
        log_blocked(event);
    } else if (strcmp(event->state, "waiting") == 0 ||
               strcmp(event->state, "broken") == 0) {
        log_wait(event);
    } else if (strcmp(event->state, "dead letter") == 0) {
        log_line(LOG_LEVEL_WARNING, "%s: message %llu is a dead letter: %s",
                 who(event, name), (unsigned long long)event->arrival,
                 event->why);
    } else if (strcmp(event->state, "working") == 0) {
        log_line(LOG_LEVEL_INFO, "%s: works again", who(event, name));
    }
}
