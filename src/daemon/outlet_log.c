#include "daemon/outlet_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

/* "outlet files: example/student" */
#define WHO_SIZE (3 * HAPLO_NAME_SIZE_MAX + 16)

/* Waits in a row of an outlet or of one of its lanes. */
struct wait {
    char who[WHO_SIZE]; /* whose */
    uint64_t count;     /* so far */
};

static const char *who_of(const void *wait)
{
    return ((const struct wait *)wait)->who;
}

static void who_fill(const struct forwarder_event *event, char who[WHO_SIZE])
{
    if (event->server == NULL) {
        snprintf(who, WHO_SIZE, "outlet %s", event->outlet);
    } else {
        snprintf(who, WHO_SIZE, "outlet %s: %s/%s", event->outlet,
                 event->server, event->queue);
    }
}

/* How many there were in a row, with this one; 1 where there is no memory to
 * count. */
static uint64_t count_wait(struct outlet_log *log, const char *who)
{
    struct wait *wait = name_table_find(&log->waits, who);
    if (wait != NULL) {
        return ++wait->count;
    }
    wait = malloc(sizeof *wait);
    if (wait == NULL) {
        return 1;
    }
    snprintf(wait->who, sizeof wait->who, "%s", who);
    wait->count = 1;
    if (name_table_add(&log->waits, wait) != 0) {
        free(wait);
    }
    return 1;
}

static void end_waits(struct outlet_log *log, const char *who)
{
    struct wait *wait = name_table_find(&log->waits, who);
    if (wait != NULL) {
        name_table_remove(&log->waits, wait);
        free(wait);
    }
}

static void log_wait(struct outlet_log *log, const char *who,
                     const struct forwarder_event *event)
{
    uint64_t count = count_wait(log, who);
    if ((count & (count - 1)) == 0) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: %s: %s (%llu in a row; next try in %.1f s)", who,
                 event->state, event->why, (unsigned long long)count,
                 (double)event->delay_ms / 1000);
    }
}

static void log_blocked(const char *who, const struct forwarder_event *event)
{
    log_line(LOG_LEVEL_ERROR,
             "%s: blocked by message %llu: %s; `haplo-poll outlet skip %s "
             "%s/%s` passes over it",
             who, (unsigned long long)event->arrival, event->why, event->outlet,
             event->server, event->queue);
}

void outlet_log_init(struct outlet_log *log)
{
    *log = (struct outlet_log){.waits.name_of = who_of};
}

void outlet_log_free(struct outlet_log *log)
{
    struct wait *wait;
    size_t cursor = 0;
    while ((wait = name_table_next(&log->waits, &cursor)) != NULL) {
        free(wait);
    }
    name_table_free(&log->waits);
}

void outlet_log_note(struct outlet_log *log,
                     const struct forwarder_event *event)
{
    char who[WHO_SIZE];
    who_fill(event, who);
    if (strcmp(event->state, "blocked") == 0) {
        log_blocked(who, event);
    } else if (strcmp(event->state, "waiting") == 0 ||
               strcmp(event->state, "broken") == 0) {
        log_wait(log, who, event);
    } else if (strcmp(event->state, "dead letter") == 0) {
        log_line(LOG_LEVEL_WARNING, "%s: message %llu is a dead letter: %s",
                 who, (unsigned long long)event->arrival, event->why);
    } else if (strcmp(event->state, "warning") == 0) {
        log_line(LOG_LEVEL_WARNING, "%s: %s", who, event->why);
    } else if (strcmp(event->state, "replay") == 0) {
        log_line(LOG_LEVEL_INFO, "%s: %s", who, event->why);
    } else if (strcmp(event->state, "working") == 0) {
        end_waits(log, who);
        log_line(LOG_LEVEL_INFO, "%s: works again", who);
    }
}
