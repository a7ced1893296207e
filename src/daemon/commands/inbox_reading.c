#include "daemon/commands/inbox_reading.h"

#include <stdio.h>
#include <string.h>

#include "daemon/log/log.h"

enum exit_code inbox_reading_open(struct inbox_reading *reading,
                                  const struct command_options *options)
{
    *reading = (struct inbox_reading){0};
    log_open(options->is_verbose, false);
    enum exit_code code =
        command_load_config(options, CONFIG_RUN, &reading->config);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (selection_read(&reading->selection, reading->config, options) != 0) {
        code = EXIT_CODE_USAGE;
    } else if (options->inbox != NULL) {
        reading->selection.inbox =
            command_find_inbox(reading->config, options->inbox);
        code =
            reading->selection.inbox != NULL ? EXIT_CODE_FINE : EXIT_CODE_USAGE;
    }
    if (code != EXIT_CODE_FINE) {
        config_free(reading->config);
    }
    return code;
}

void inbox_reading_close(struct inbox_reading *reading)
{
    config_free(reading->config);
}

bool inbox_reading_next(struct inbox_reading *reading)
{
    const struct config *config = reading->config;
    const struct config_inbox *only = reading->selection.inbox;
    const struct config_inbox *next =
        reading->inbox == NULL ? config->inboxes : reading->inbox + 1;
    if (only != NULL) {
        next = reading->inbox == NULL ? only : NULL;
    }
    reading->inbox =
        next != config->inboxes + config->inbox_count ? next : NULL;
    return reading->inbox != NULL;
}

enum exit_code inbox_reading_view(const struct inbox_reading *reading,
                                  const struct inbox_view *view)
{
    const struct config_inbox *inbox = reading->inbox;
    char why[HAPLO_TEXT_SIZE_MAX];
    if (inbox_view(inbox->type, inbox->options, view, why, sizeof why) == 0) {
        return EXIT_CODE_FINE;
    }
    log_line(LOG_LEVEL_ERROR, "inbox %s: %s", inbox->name, why);
    return EXIT_CODE_FAILED;
}

static void on_trace(const struct inbox_trace *trace, void *data)
{
    snprintf(data, INBOX_UUID_SIZE, "%s", trace->inbox_uuid);
}

static bool on_outlet(const struct inbox_trace_outlet *outlet, void *data)
{
    (void)outlet;
    (void)data;
    return false;
}

/* There is no message 0, but an inbox that says so. */
enum exit_code inbox_reading_uuid(const struct inbox_reading *reading,
                                  char uuid[INBOX_UUID_SIZE])
{
    const struct inbox_view view = {
        .trace_cb = on_trace,
        .trace_outlet_cb = on_outlet,
        .data = uuid,
    };
    return inbox_reading_view(reading, &view);
}

enum exit_code inbox_reading_no_memory(void)
{
    log_line(LOG_LEVEL_ERROR, "out of memory: what was printed is incomplete");
    return EXIT_CODE_FAILED;
}

const char *inbox_reading_place(const struct config_inbox *inbox)
{
    const struct inbox_type *type = inbox->type;
    const char *place = "";
    for (size_t i = 0; i < type->option_count; i++) {
        const struct option_row *row = &type->options[i];
        const char *const *text =
            (const void *)((const char *)inbox->options + row->offset);
        if (row->value == OPTION_PATH) {
            return *text;
        }
        if (row->value == OPTION_TEXT && strcmp(row->name, "schema") == 0) {
            place = *text;
        }
    }
    return place;
}
