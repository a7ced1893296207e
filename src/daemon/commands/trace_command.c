/*
 * trace_command.c - `trace`: receipts for messages.
 *
 *   - A message is found by its arrival, or by its identity for receivers.
 *   - With --id, whole inboxes are read for what the server calls it: several
 *     queues may have such a message.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/commands/receipt.h"
#include "daemon/log/log.h"
#include "daemon/text/terminal.h"
#include "inbox/inbox_purge.h"

#define ID_POINTER "/id"    /* in a message */
#define FOUND_COUNT_MAX 100 /* in one inbox */
#define SLICE_COUNT 1000    /* messages between two looks at the clock */

/* A search for messages with an id. */
struct search {
    struct inbox_reading *reading;      /* borrowed */
    struct inbox_purge match;           /* what is compared */
    struct progress_line progress;      /* on a terminal */
    uint64_t first;                     /* arrival in the inbox */
    uint64_t last;                      /* likewise */
    uint64_t at;                        /* the newest one that was read */
    unsigned slice;                     /* messages of this slice */
    uint64_t arrivals[FOUND_COUNT_MAX]; /* what was found */
    size_t count;                       /* length of arrivals */
    bool is_failed;                     /* memory ran out */
};

static bool on_message(const struct inbox_message *message, void *data)
{
    struct search *search = data;
    int error = 0;
    search->at = message->arrival;
    if (inbox_purge_matches(&search->match, message->body, &error)) {
        search->arrivals[search->count++] = message->arrival;
    }
    search->is_failed |= error != 0;
    return ++search->slice < SLICE_COUNT && search->count < FOUND_COUNT_MAX;
}

static bool on_slice(void *data)
{
    struct search *search = data;
    search->slice = 0;
    if (progress_line_is_due(&search->progress) && search->at > 0) {
        progress_line_show(&search->progress,
                           "inbox %s: %.0f %% searched; messages found: %zu",
                           search->reading->inbox->name,
                           100 * (double)(search->at - search->first + 1) /
                               (double)(search->last - search->first + 1),
                           search->count);
    }
    return search->count < FOUND_COUNT_MAX && !search->is_failed;
}

static enum exit_code search_inbox(struct search *search)
{
    const struct inbox_view view = {
        .filter = {.until_ms = INBOX_FILTER_NO_END},
        .message_cb = on_message,
        .slice_cb = on_slice,
        .first = &search->first,
        .last = &search->last,
        .data = search,
    };
    search->count = 0;
    search->at = 0;
    enum exit_code code = inbox_reading_view(search->reading, &view);
    progress_line_clear(&search->progress);
    if (search->count == FOUND_COUNT_MAX) {
        log_line(LOG_LEVEL_WARNING,
                 "inbox %s: only the first %d messages with this id are shown",
                 search->reading->inbox->name, FOUND_COUNT_MAX);
    }
    return search->is_failed ? inbox_reading_no_memory() : code;
}

static enum exit_code trace_found(const struct search *search, bool is_json)
{
    enum exit_code code = EXIT_CODE_FINE;
    for (size_t i = 0; i < search->count; i++) {
        const struct inbox_find find = {.arrival = search->arrivals[i]};
        if (i > 0 && !is_json) {
            putchar('\n');
        }
        code = exit_code_worse(code,
                               receipt_print(search->reading, &find, is_json));
    }
    return code;
}

static enum exit_code trace_id(struct inbox_reading *reading,
                               const struct command_options *options)
{
    struct search search = {.reading = reading};
    struct reason why;
    enum exit_code code = EXIT_CODE_FINE;
    size_t count = 0;
    if (inbox_purge_init(&search.match, ID_POINTER, options->id, "", &why) !=
        0) {
        log_line(LOG_LEVEL_ERROR, "--id: %s", why.text);
        inbox_purge_free(&search.match);
        return EXIT_CODE_USAGE;
    }
    progress_line_start(&search.progress, options->is_quiet);
    while (inbox_reading_next(reading)) {
        code = exit_code_worse(code, search_inbox(&search));
        count += search.count;
        code = exit_code_worse(code, trace_found(&search, options->is_json));
    }
    inbox_purge_free(&search.match);
    if (count == 0 && code == EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_ERROR, "no message has the id %s", options->id);
        code = EXIT_CODE_FAILED;
    }
    return code;
}

static enum exit_code trace_message(struct inbox_reading *reading,
                                    const struct command_options *options)
{
    struct inbox_find find;
    if (inbox_find_parse(&find, options->arguments[0]) != 0) {
        return EXIT_CODE_USAGE;
    }
    enum exit_code code = inbox_find(&find, reading);
    return code == EXIT_CODE_FINE
               ? receipt_print(reading, &find, options->is_json)
               : code;
}

enum exit_code command_trace(const struct command_options *options)
{
    struct inbox_reading reading;
    bool has_argument = options->argument_count > 0;
    enum exit_code code = inbox_reading_open(&reading, options);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    if (has_argument == (options->id != NULL)) {
        log_line(LOG_LEVEL_ERROR,
                 "trace takes the arrival or the identity of a message, or "
                 "--id");
        code = EXIT_CODE_USAGE;
    } else {
        code = has_argument ? trace_message(&reading, options)
                            : trace_id(&reading, options);
    }
    inbox_reading_close(&reading);
    return code;
}
