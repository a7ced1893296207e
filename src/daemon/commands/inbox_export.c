/*
 * inbox_export.c - `inbox export`: prints the messages that the options select,
 * in order of arrival, one inbox after the other.
 *
 *   - The last message is decided when the export of an inbox begins: what
 *     arrives later is not exported.
 *   - Lines are collected in memory while the inbox is read, and written while
 *     it is not: whoever reads the export may be slow, and must not keep a
 *     transaction open meanwhile.
 *   - If standard output is closed or full, the export ends, with exit code 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/commands/export_line.h"
#include "daemon/commands/inbox_reading.h"
#include "daemon/log/log.h"
#include "daemon/text/output.h"
#include "daemon/text/terminal.h"

#define LINES_BYTES_MAX 262144 /* collected; one line may be longer */

typedef void (*line_cb)(struct json_writer *out, const char *inbox,
                        const char *inbox_uuid,
                        const struct inbox_message *message);

/* All that the command knows. */
struct export
{
    struct inbox_reading reading;  /* which messages */
    line_cb line_cb;               /* the format */
    struct json_writer lines;      /* not written yet */
    char uuid[INBOX_UUID_SIZE];    /* of the current inbox */
    uint64_t first;                /* arrival in it */
    uint64_t last;                 /* likewise */
    uint64_t at;                   /* the newest one that was taken */
    uint64_t count;                /* messages so far, of all inboxes */
    struct progress_line progress; /* on a terminal */
    bool is_failed;                /* memory, or standard output */
};

static void show_progress(struct export *export)
{
    uint64_t all = export->last - export->first + 1;
    uint64_t done =
        export->at >= export->first ? export->at - export->first + 1 : 0;
    if (progress_line_is_due(&export->progress)) {
        progress_line_show(&export->progress,
                           "inbox %s: %.0f %%; messages exported: %" PRIu64,
                           export->reading.inbox->name,
                           100 * (double)done / (double)all, export->count);
    }
}

static bool on_message(const struct inbox_message *message, void *data)
{
    struct export *export = data;
    export->line_cb(&export->lines, export->reading.inbox->name, export->uuid,
                    message);
    export->count++;
    export->at = message->arrival;
    return export->lines.size < LINES_BYTES_MAX && !export->lines.is_failed;
}

static bool on_slice(void *data)
{
    struct export *export = data;
    if (json_writer_print(&export->lines, stdout) != 0 || fflush(stdout) != 0) {
        export->is_failed = true;
    }
    show_progress(export);
    return !export->is_failed;
}

static enum exit_code export_inbox(struct export *export)
{
    const struct inbox_view view = {
        .filter = export->reading.selection.filter,
        .message_cb = on_message,
        .slice_cb = on_slice,
        .first = &export->first,
        .last = &export->last,
        .data = export,
    };
    export->at = 0;
    enum exit_code code = inbox_reading_uuid(&export->reading, export->uuid);
    return code != EXIT_CODE_FINE ? code
                                  : inbox_reading_view(&export->reading, &view);
}

static enum exit_code export_all(struct export *export)
{
    enum exit_code code = EXIT_CODE_FINE;
    while (!export->is_failed && inbox_reading_next(&export->reading)) {
        code = exit_code_worse(code, export_inbox(export));
    }
    progress_line_clear(&export->progress);
    if (!export->is_failed) {
        return code;
    }
    if (export->lines.is_failed) {
        return inbox_reading_no_memory();
    }
    (void)output_flush(); /* logs why */
    return EXIT_CODE_FAILED;
}

/* Returns 0, or -1 after logging. */
static int read_format(struct export *export, const char *format)
{
    if (format == NULL || strcmp(format, "ndjson") == 0) {
        export->line_cb = export_line_ndjson;
    } else if (strcmp(format, "csv") == 0) {
        export->line_cb = export_line_csv;
        fputs(EXPORT_CSV_HEADER, stdout);
    } else {
        log_line(LOG_LEVEL_ERROR, "--format takes ndjson or csv, not %s",
                 format);
        return -1;
    }
    return 0;
}

enum exit_code command_inbox_export(const struct command_options *options)
{
    struct export export = {0};
    enum exit_code code = inbox_reading_open(&export.reading, options);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    progress_line_start(&export.progress, options->is_quiet);
    code = read_format(&export, options->format) == 0 ? export_all(&export)
                                                      : EXIT_CODE_USAGE;
    json_writer_free(&export.lines);
    inbox_reading_close(&export.reading);
    return code;
}
