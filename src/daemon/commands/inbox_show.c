/*
 * inbox_show.c - `inbox show`: one message, with what is known about it.
 *
 *   - On a terminal, the message is printed so that it can be read.
 *   - Elsewhere, exactly its bytes follow a blank line.
 *   - With --raw, there is nothing but its bytes.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/wall_clock.h"
#include "daemon/commands/inbox_find.h"
#include "daemon/log/log.h"
#include "daemon/text/json_pretty.h"
#include "daemon/text/terminal.h"
#include "outlets/message_id.h"

/* All that the command knows. */
struct show {
    struct inbox_reading reading; /* where to look */
    struct terminal terminal;     /* standard output */
    bool is_raw;                  /* only the bytes */
    enum inbox_trace_state state; /* of the message */
};

static void print_time(const struct show *show, const char *name,
                       uint64_t at_ms)
{
    char at[WALL_CLOCK_TEXT_SIZE];
    fprintf(show->terminal.out, "%s: %s\n", name,
            at_ms == 0 ? "not recorded" : wall_clock_text_ms(at_ms, at));
}

static void print_head(const struct show *show, const struct inbox_trace *trace)
{
    const struct inbox_message *message = &trace->message;
    FILE *out = show->terminal.out;
    char id[MESSAGE_ID_SIZE_MAX];
    message_id_write(id, message, trace->inbox_uuid, 0);
    fprintf(out, "inbox: %s\nqueue: %s/%s\narrival: %" PRIu64 "\nid: %s\n",
            show->reading.inbox->name, message->server, message->queue,
            message->arrival, id);
    print_time(show, "fetched", message->received_at_ms);
    print_time(show, "stored", trace->stored_at_ms);
    print_time(show, "marked", trace->marked_at_ms);
    fprintf(out,
            "batch: message %" PRIu32 " of %" PRIu32 ", which begins with "
            "arrival %" PRIu64 "\nsize: %zu bytes\n\n",
            trace->position + 1, message->batch_count, message->batch_first,
            message->body.size);
}

static void print_body(const struct show *show,
                       const struct inbox_message *message)
{
    if (!show->terminal.is_terminal || show->is_raw) {
        fwrite(message->body.data, 1, message->body.size, show->terminal.out);
    } else if (message->format == HAPLO_FORMAT_JSON) {
        json_pretty_print(show->terminal.out, message->body);
    } else {
        json_pretty_print_raw(show->terminal.out, message->body);
    }
}

static void on_trace(const struct inbox_trace *trace, void *data)
{
    struct show *show = data;
    show->state = trace->state;
    if (trace->state == INBOX_TRACE_STORED) {
        if (!show->is_raw) {
            print_head(show, trace);
        }
        print_body(show, &trace->message);
    }
}

static bool on_outlet(const struct inbox_trace_outlet *outlet, void *data)
{
    (void)outlet;
    (void)data;
    return false; /* `trace` tells what they did */
}

static enum exit_code tell_missing(uint64_t arrival,
                                   enum inbox_trace_state state)
{
    static const char *const texts[] = {
        [INBOX_TRACE_STORED] = "",
        [INBOX_TRACE_PURGED] = "was purged; `trace` says when and why",
        [INBOX_TRACE_GONE] = "is not in the inbox any more",
        [INBOX_TRACE_NEVER] = "has not arrived yet",
    };
    log_line(LOG_LEVEL_ERROR, "message %" PRIu64 " %s", arrival, texts[state]);
    return EXIT_CODE_FAILED;
}

static enum exit_code show_message(struct show *show, const char *text)
{
    struct inbox_find find;
    if (inbox_find_parse(&find, text) != 0) {
        return EXIT_CODE_USAGE;
    }
    enum exit_code code = inbox_find(&find, &show->reading);
    if (code != EXIT_CODE_FINE) {
        return code;
    }
    struct inbox_view view = {
        .filter = show->reading.selection.filter,
        .trace_cb = on_trace,
        .trace_outlet_cb = on_outlet,
        .data = show,
    };
    view.filter.arrival = find.arrival;
    code = inbox_reading_view(&show->reading, &view);
    if (code == EXIT_CODE_FINE && show->state != INBOX_TRACE_STORED) {
        code = tell_missing(find.arrival, show->state);
    }
    return code;
}

enum exit_code command_inbox_show(const struct command_options *options)
{
    struct show show = {.is_raw = options->is_raw};
    terminal_init(&show.terminal, stdout);
    enum exit_code code = inbox_reading_open(&show.reading, options);
    if (code == EXIT_CODE_FINE) {
        code = show_message(&show, options->arguments[0]);
        inbox_reading_close(&show.reading);
    }
    return code;
}
