#include "daemon/commands/selection.h"

#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "config/units.h"
#include "daemon/log/log.h"
#include "daemon/task/task_command.h"

static int read_time(const char *name, const char *text, uint64_t *ms)
{
    uint64_t now_ms = wall_clock_ms();
    uint64_t ago_ms;
    if (duration_parse(text, &ago_ms) == 0 && ago_ms <= now_ms) {
        *ms = now_ms - ago_ms;
        return 0;
    }
    if (wall_clock_parse(text, ms) == 0) {
        return 0;
    }
    log_line(LOG_LEVEL_ERROR,
             "--%s takes a time, such as 2026-11-28T20:49:16Z or 2026-11-28, "
             "or how long ago it was, such as 2h, not %s",
             name, text);
    return -1;
}

static int read_times(struct inbox_filter *filter,
                      const struct command_options *options)
{
    if (options->since != NULL &&
        read_time("since", options->since, &filter->since_ms) != 0) {
        return -1;
    }
    if (options->until != NULL &&
        read_time("until", options->until, &filter->until_ms) != 0) {
        return -1;
    }
    if (filter->until_ms <= filter->since_ms) {
        log_line(LOG_LEVEL_ERROR, "--until must be after --since");
        return -1;
    }
    return 0;
}

static bool is_configured(const struct config *config,
                          const struct inbox_filter *filter)
{
    for (size_t i = 0; i < config->queue_count; i++) {
        const struct config_queue *queue = &config->queues[i];
        if (inbox_filter_takes_queue(filter, queue->server->options.name,
                                     queue->name)) {
            return true;
        }
    }
    for (size_t i = 0; i < config->held_count; i++) {
        if (inbox_filter_takes_queue(filter, config->held[i].server,
                                     config->held[i].queue)) {
            return true;
        }
    }
    return false;
}

void selection_check_queue(const struct config *config, const char *pattern)
{
    const struct inbox_filter filter = {.queue = pattern};
    if (!is_configured(config, &filter)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s matches no queue of %s: only messages of a former queue "
                 "can be found",
                 pattern, config->path);
    }
}

int selection_read(struct selection *selection, const struct config *config,
                   const struct command_options *options)
{
    *selection = (struct selection){
        .filter = {.outlet = options->outlet,
                   .queue = options->queue,
                   .until_ms = INBOX_FILTER_NO_END},
    };
    if (options->outlet != NULL) {
        selection->outlet = task_command_outlet(config, options->outlet);
    }
    if (selection->outlet != NULL) {
        selection->inbox = selection->outlet->inbox;
    } else if (config->inbox_count == 1) {
        selection->inbox = &config->inboxes[0];
    }
    if (options->queue != NULL) {
        selection_check_queue(config, options->queue);
    }
    return read_times(&selection->filter, options);
}

int selection_read_arrival(struct selection *selection, const char *text)
{
    if (count_parse(text, &selection->filter.arrival) == 0 &&
        selection->filter.arrival > 0) {
        return 0;
    }
    log_line(LOG_LEVEL_ERROR, "%s is not the arrival of a message", text);
    return -1;
}

/* False if it does not fit. */
static bool copy(char *out, size_t size, const char *text)
{
    return text == NULL || (size_t)snprintf(out, size, "%s", text) < size;
}

int selection_request(const struct selection *selection,
                      const struct config *config, struct task_request *request)
{
    const struct inbox_filter *filter = &selection->filter;
    *request = (struct task_request){
        .arrival = filter->arrival,
        .since_ms = filter->since_ms,
        .until_ms = filter->until_ms,
    };
    if (selection->inbox == NULL && filter->outlet == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "%s has several inboxes: name an outlet with --outlet",
                 config->path);
        return -1;
    }
    if (selection->inbox == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "%s has several inboxes, and no outlet named %s", config->path,
                 filter->outlet);
        return -1;
    }
    if (!copy(request->inbox, sizeof request->inbox, selection->inbox->name) ||
        !copy(request->outlet, sizeof request->outlet, filter->outlet) ||
        !copy(request->queue, sizeof request->queue, filter->queue)) {
        log_line(LOG_LEVEL_ERROR, "the name of an outlet or queue is too long");
        return -1;
    }
    return 0;
}
