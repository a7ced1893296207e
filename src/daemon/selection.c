#include "daemon/selection.h"

#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "config/units.h"
#include "daemon/log.h"
#include "daemon/task_command.h"

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
    if (options->since != NULL &&
        read_time("since", options->since, &selection->filter.since_ms) != 0) {
        return -1;
    }
    return options->until == NULL ? 0
                                  : read_time("until", options->until,
                                              &selection->filter.until_ms);
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
