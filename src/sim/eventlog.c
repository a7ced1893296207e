#include "sim/eventlog.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

void sim_eventlog_init(struct sim_eventlog *log, size_t capacity)
{
    *log = (struct sim_eventlog){.capacity = capacity};
    log->ring = sim_new(capacity * sizeof *log->ring);
}

void sim_eventlog_free(struct sim_eventlog *log)
{
    for (size_t i = 0; i < log->capacity; i++) {
        free(log->ring[i].token);
    }
    free(log->ring);
}

void sim_eventlog_add(struct sim_eventlog *log, struct sim_event event,
                      const char *token, size_t token_size)
{
    struct sim_event *place = &log->ring[log->count++ % log->capacity];
    free(place->token);
    *place = event;
    place->number = log->count;
    place->token = token == NULL ? NULL : sim_copy(token, token_size);
}

void sim_eventlog_clear(struct sim_eventlog *log)
{
    log->cleared_count = log->count;
}

static void event_write(struct sim_buffer *to, const struct sim_event *event)
{
    sim_buffer_format(to, "{\"n\":%llu,\"t\":%lld,",
                      (unsigned long long)event->number,
                      (long long)event->time_ms);
    sim_buffer_json_pair(to, "app", event->app);
    sim_buffer_text(to, ",");
    if (event->queue != NULL) {
        sim_buffer_json_pair(to, "queue", event->queue);
    } else {
        sim_buffer_text(to, "\"queue\":null");
    }
    sim_buffer_format(
        to,
        ",\"verb\":\"%s\",\"status\":%d,\"count\":%llu,"
        "\"unread\":%llu,\"connection\":%llu,\"wait_ms\":%lld",
        event->verb, event->status, (unsigned long long)event->count,
        (unsigned long long)event->unread,
        (unsigned long long)event->connection, (long long)event->wait_ms);
    if (event->peer[0] != '\0') {
        sim_buffer_text(to, ",");
        sim_buffer_json_pair(to, "peer", event->peer);
    }
    if (event->message_id != 0) {
        sim_buffer_format(to, ",\"id\":%llu",
                          (unsigned long long)event->message_id);
    }
    if (event->fault != NULL) {
        sim_buffer_format(to, ",\"fault\":\"%s\"", event->fault);
    }
    if (event->gone) {
        sim_buffer_text(to, ",\"gone\":true");
    }
    if (event->token != NULL) {
        sim_buffer_text(to, ",");
        sim_buffer_json_pair(to, "token", event->token);
    }
    sim_buffer_text(to, "}");
}

static bool name_fits(const char *wanted, const char *name)
{
    return wanted == NULL || (name != NULL && strcmp(wanted, name) == 0);
}

void sim_eventlog_write(const struct sim_eventlog *log, struct sim_buffer *to,
                        uint64_t after, const char *app, const char *queue,
                        uint64_t limit)
{
    uint64_t start =
        log->count > log->capacity ? log->count - log->capacity : 0;
    start = start < log->cleared_count ? log->cleared_count : start;
    sim_buffer_format(to, "{\"last\":%llu,\"dropped\":%llu,\"events\":[",
                      (unsigned long long)log->count,
                      (unsigned long long)(start > after ? start - after : 0));
    start = start < after ? after : start;
    bool first = true;
    for (uint64_t i = start; i < log->count && limit > 0; i++) {
        const struct sim_event *event = &log->ring[i % log->capacity];
        if (!name_fits(app, event->app) || !name_fits(queue, event->queue)) {
            continue;
        }
        sim_buffer_text(to, first ? "\n" : ",\n");
        event_write(to, event);
        first = false;
        limit--;
    }
    sim_buffer_text(to, "]}\n");
}
