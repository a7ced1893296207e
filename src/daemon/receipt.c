/*
 * receipt.c - one message, as an inbox, its replays and the configuration know
 * it.
 *
 *   - The inbox says when it was fetched, stored and marked, how far each
 *     outlet has got, and what it has refused.
 *   - The configuration says which outlets take it.
 *   - The replays say what was sent again.
 *   - Where the message is not any more, what is known is told instead: purged,
 *     with time and reason, or deleted.
 */
#include "daemon/receipt.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/json_writer.h"
#include "daemon/log.h"
#include "daemon/table.h"
#include "daemon/trace_story.h"
#include "outlets/message_id.h"
#include "outlets/preview.h"

static const struct table_column columns[] = {
    {"TIME", false, 0},
    {"WHAT", false, 0},
};

struct receipt {
    struct inbox_reading *reading; /* borrowed; its current inbox has it */
    struct inbox_find find;        /* which message */
    bool is_json;                  /* one line of JSON instead of a table */
    struct table table;            /* a row for each event */
    struct json_writer json;       /* the line */
    enum inbox_trace_state state;  /* what became of it */
    uint64_t received_at_ms;       /* when it was fetched */
    char queue[INBOX_REPLAY_QUEUE_SIZE]; /* "server/queue" */
    bool *is_wanted;                     /* owned; by each outlet of the
                                            configuration, as it is now */
    bool *is_seen;                       /* owned; each outlet has a row */
    bool is_failed;                      /* memory ran out */
};

static const struct config_outlet *outlet_at(const struct receipt *receipt,
                                             size_t index)
{
    return &receipt->reading->config->outlets[index];
}

/* The index of an outlet of this inbox; outlet_count: not configured. */
static size_t outlet_index(const struct receipt *receipt, const char *name)
{
    size_t count = receipt->reading->config->outlet_count;
    size_t i = 0;
    while (i < count &&
           (outlet_at(receipt, i)->inbox != receipt->reading->inbox ||
            strcmp(outlet_at(receipt, i)->forward.name, name) != 0)) {
        i++;
    }
    return i;
}

static void tell(struct receipt *receipt, uint64_t at_ms, const char *text)
{
    char at[WALL_CLOCK_TEXT_SIZE];
    table_text(&receipt->table, TERMINAL_PLAIN,
               at_ms == 0 ? "-" : wall_clock_text_ms(at_ms, at));
    table_text(&receipt->table, TERMINAL_PLAIN, text);
}

/* The message */

static void note_wanted(struct receipt *receipt,
                        const struct inbox_message *message)
{
    for (size_t i = 0; i < receipt->reading->config->outlet_count; i++) {
        struct preview *preview = preview_new(&outlet_at(receipt, i)->forward);
        int accepts =
            preview == NULL ? HAPLO_ENOMEM : preview_accepts(preview, message);
        receipt->is_failed |= accepts < 0;
        receipt->is_wanted[i] = accepts > 0;
        if (preview != NULL) {
            preview_free(preview);
        }
    }
}

static void tell_stored(struct receipt *receipt, const struct inbox_trace *row)
{
    const struct inbox_message *message = &row->message;
    char text[TRACE_TEXT_SIZE];
    char id[MESSAGE_ID_SIZE_MAX];
    snprintf(text, sizeof text,
             "fetched from %s, message %" PRIu32 " of a batch of %" PRIu32,
             receipt->queue, row->position + 1, message->batch_count);
    tell(receipt, message->received_at_ms, text);
    message_id_write(id, message, row->inbox_uuid, 0);
    snprintf(text, sizeof text,
             "stored in inbox %s, arrival %" PRIu64 ", as %s",
             receipt->reading->inbox->name, message->arrival, id);
    tell(receipt, row->stored_at_ms, text);
    tell(receipt, row->marked_at_ms,
         row->marked_at_ms != 0
             ? "marked: the server has confirmed that it is read"
             : "not known to be marked: the server may send it again, which "
               "would be recognised");
}

static void put_stored(struct receipt *receipt, const struct inbox_trace *row)
{
    const struct inbox_message *message = &row->message;
    struct json_writer *json = &receipt->json;
    char id[MESSAGE_ID_SIZE_MAX];
    message_id_write(id, message, row->inbox_uuid, 0);
    json_text(json, "id", id);
    json_text(json, "server", message->server);
    json_text(json, "queue", message->queue);
    json_count(json, "size_bytes", message->body.size);
    json_count(json, "batch_first_arrival", message->batch_first);
    json_count(json, "batch_count", message->batch_count);
    json_count(json, "batch_position", row->position + 1);
    json_time(json, "fetched_at", message->received_at_ms);
    json_time(json, "stored_at", row->stored_at_ms);
    json_time(json, "marked_at", row->marked_at_ms);
}

static void tell_missing(struct receipt *receipt, const struct inbox_trace *row)
{
    char text[TRACE_TEXT_SIZE];
    switch (row->state) {
    case INBOX_TRACE_PURGED:
        snprintf(text, sizeof text, "purged from %s/%s%s%s",
                 row->message.server, row->message.queue,
                 row->purged_why[0] != '\0' ? ": " : "", row->purged_why);
        tell(receipt, row->purged_at_ms, text);
        break;
    case INBOX_TRACE_GONE:
        tell(receipt, 0,
             "deleted after the retention period of the inbox, or the number "
             "was never stored");
        break;
    default:
        tell(receipt, 0, "no message has this number yet");
        break;
    }
}

static void put_missing(struct receipt *receipt, const struct inbox_trace *row)
{
    if (row->state == INBOX_TRACE_PURGED) {
        json_text(&receipt->json, "server", row->message.server);
        json_text(&receipt->json, "queue", row->message.queue);
        json_time(&receipt->json, "purged_at", row->purged_at_ms);
        json_text(&receipt->json, "purge_reason", row->purged_why);
    }
}

/* An identity may also be that of a batch, which has the arrival of its first
 * message. */
static void check_identity(const struct receipt *receipt,
                           const struct inbox_message *message)
{
    if (receipt->find.uuid[0] != '\0' && receipt->find.hash != message->hash) {
        log_line(LOG_LEVEL_WARNING,
                 "this is not the identity of message %" PRIu64
                 ": maybe that of a parcel which begins with it",
                 message->arrival);
    }
}

static void take_stored(struct receipt *receipt, const struct inbox_trace *row)
{
    receipt->received_at_ms = row->message.received_at_ms;
    check_identity(receipt, &row->message);
    snprintf(receipt->queue, sizeof receipt->queue, "%s/%s",
             row->message.server, row->message.queue);
    note_wanted(receipt, &row->message);
    if (receipt->is_json) {
        put_stored(receipt, row);
    } else {
        tell_stored(receipt, row);
    }
}

static void on_trace(const struct inbox_trace *row, void *data)
{
    static const char *const names[] = {
        [INBOX_TRACE_STORED] = "stored",
        [INBOX_TRACE_PURGED] = "purged",
        [INBOX_TRACE_GONE] = "gone",
        [INBOX_TRACE_NEVER] = "unknown",
    };
    struct receipt *receipt = data;
    receipt->state = row->state;
    if (receipt->is_json) {
        json_object(&receipt->json, NULL);
        json_text(&receipt->json, "inbox", receipt->reading->inbox->name);
        json_count(&receipt->json, "arrival", row->message.arrival);
        json_text(&receipt->json, "state", names[row->state]);
    }
    if (row->state != INBOX_TRACE_STORED && receipt->is_json) {
        put_missing(receipt, row);
    } else if (row->state != INBOX_TRACE_STORED) {
        tell_missing(receipt, row);
    } else {
        take_stored(receipt, row);
    }
    if (receipt->is_json) {
        json_array(&receipt->json, "outlets");
    }
}

/* Outlets */

static void put_outlet(struct receipt *receipt,
                       const struct trace_outlet *outlet)
{
    const struct inbox_trace_outlet *row = outlet->row;
    struct json_writer *json = &receipt->json;
    char text[TRACE_TEXT_SIZE];
    json_object(json, NULL);
    json_text(json, "name", outlet->name);
    json_text(json, "outcome", trace_outcome_name(trace_outcome_of(outlet)));
    json_text(json, "text", trace_outcome_text(outlet, text));
    if (row != NULL && row->refused_at_ms != 0) {
        json_time(json, "refused_at", row->refused_at_ms);
        json_count(json, "attempts", row->attempts);
        json_text(json, "reason", row->why);
    } else if (row != NULL && !row->is_passed) {
        json_count(json, "ahead_messages", row->ahead_count);
    }
    json_object_end(json);
}

static void tell_outlet(struct receipt *receipt,
                        const struct trace_outlet *outlet)
{
    char text[TRACE_TEXT_SIZE];
    char line[TRACE_TEXT_SIZE + HAPLO_NAME_SIZE_MAX + 16];
    if (receipt->is_json) {
        put_outlet(receipt, outlet);
        return;
    }
    snprintf(line, sizeof line, "outlet %s: %s", outlet->name,
             trace_outcome_text(outlet, text));
    tell(receipt, outlet->row != NULL ? outlet->row->refused_at_ms : 0, line);
}

/* "beginning" is the default. */
static bool begins_late(const struct config_outlet *config)
{
    return config->forward.start != NULL &&
           strcmp(config->forward.start, "beginning") != 0;
}

static bool on_outlet(const struct inbox_trace_outlet *row, void *data)
{
    struct receipt *receipt = data;
    size_t index = outlet_index(receipt, row->name);
    bool is_configured = index < receipt->reading->config->outlet_count;
    const struct trace_outlet outlet = {
        .row = row,
        .name = row->name,
        .is_configured = is_configured,
        .is_wanted = is_configured && receipt->is_wanted[index],
        .is_late = is_configured && begins_late(outlet_at(receipt, index)),
    };
    if (receipt->state != INBOX_TRACE_STORED) {
        return false;
    }
    if (is_configured) {
        receipt->is_seen[index] = true;
    }
    tell_outlet(receipt, &outlet);
    return true;
}

/* Those that have not begun. */
static void tell_new_outlets(struct receipt *receipt)
{
    for (size_t i = 0; i < receipt->reading->config->outlet_count; i++) {
        const struct trace_outlet outlet = {
            .name = outlet_at(receipt, i)->forward.name,
            .is_configured = true,
            .is_wanted = receipt->is_wanted[i],
        };
        if (outlet_at(receipt, i)->inbox == receipt->reading->inbox &&
            !receipt->is_seen[i]) {
            tell_outlet(receipt, &outlet);
        }
    }
}

/* Replays */

/* True if the replay has come to the message, or will. A dead letter that was
 * delivered is not recorded as one. */
static bool concerns(const struct receipt *receipt,
                     const struct inbox_replay *replay)
{
    const struct inbox_filter filter = {.queue = replay->queue,
                                        .since_ms = replay->since_ms,
                                        .until_ms = replay->until_ms};
    const char *slash = strchr(receipt->queue, '/');
    char server[sizeof receipt->queue];
    size_t index = outlet_index(receipt, replay->outlet);
    if (index == receipt->reading->config->outlet_count ||
        replay->is_of_letters || !receipt->is_wanted[index] ||
        replay->last < receipt->find.arrival) {
        return false;
    }
    snprintf(server, sizeof server, "%.*s", (int)(slash - receipt->queue),
             receipt->queue);
    return inbox_filter_takes_queue(&filter, server, slash + 1) &&
           inbox_filter_takes_time(&filter, receipt->received_at_ms) &&
           (replay->state != INBOX_REPLAY_STOPPED ||
            replay->cursor >= receipt->find.arrival);
}

static void put_replay(struct receipt *receipt,
                       const struct inbox_replay *replay, bool is_done)
{
    struct json_writer *json = &receipt->json;
    json_object(json, NULL);
    json_count(json, "number", replay->id);
    json_text(json, "outlet", replay->outlet);
    json_bool(json, "has_passed_it", is_done);
    json_time(json, "started_at", replay->created_at_ms);
    json_time(json, "changed_at", replay->changed_at_ms);
    json_object_end(json);
}

static bool on_replay(const struct inbox_replay *replay, void *data)
{
    struct receipt *receipt = data;
    char text[TRACE_TEXT_SIZE];
    char until[WALL_CLOCK_TEXT_SIZE];
    bool is_done = replay->cursor >= receipt->find.arrival ||
                   replay->state == INBOX_REPLAY_DONE;
    if (!concerns(receipt, replay)) {
        return true;
    }
    if (receipt->is_json) {
        put_replay(receipt, replay, is_done);
    } else if (is_done) {
        snprintf(text, sizeof text,
                 "outlet %s: replay %" PRIu64 " began, and sent it again "
                 "before %s",
                 replay->outlet, replay->id,
                 wall_clock_text_ms(replay->changed_at_ms, until));
        tell(receipt, replay->created_at_ms, text);
    } else {
        snprintf(text, sizeof text,
                 "outlet %s: replay %" PRIu64 " began, and has not come to it "
                 "yet",
                 replay->outlet, replay->id);
        tell(receipt, replay->created_at_ms, text);
    }
    return true;
}

/* The receipt */

static enum exit_code view_message(struct receipt *receipt)
{
    struct inbox_view view = {
        .filter = receipt->reading->selection.filter,
        .trace_cb = on_trace,
        .trace_outlet_cb = on_outlet,
        .data = receipt,
    };
    view.filter.arrival = receipt->find.arrival;
    enum exit_code code = inbox_reading_view(receipt->reading, &view);
    if (code == EXIT_CODE_FINE && receipt->state == INBOX_TRACE_STORED) {
        tell_new_outlets(receipt);
    }
    return code;
}

static enum exit_code view_replays(struct receipt *receipt)
{
    const struct inbox_view view = {
        .filter = receipt->reading->selection.filter,
        .replay_cb = on_replay,
        .data = receipt,
    };
    if (receipt->is_json) {
        json_array_end(&receipt->json);
        json_array(&receipt->json, "replays");
    }
    return receipt->state == INBOX_TRACE_STORED
               ? inbox_reading_view(receipt->reading, &view)
               : EXIT_CODE_FINE;
}

static void finish_json(struct receipt *receipt, enum exit_code code)
{
    if (receipt->is_json && code == EXIT_CODE_FINE) {
        json_array_end(&receipt->json);
        json_object_end(&receipt->json);
        json_end_line(&receipt->json);
        receipt->is_failed |= json_writer_print(&receipt->json, stdout) != 0;
    }
}

/* What is not there is told, but is no success for a script. */
static enum exit_code result(const struct receipt *receipt, enum exit_code code)
{
    if (receipt->is_failed) {
        return exit_code_worse(code, inbox_reading_no_memory());
    }
    return exit_code_worse(code, receipt->state == INBOX_TRACE_STORED
                                     ? EXIT_CODE_FINE
                                     : EXIT_CODE_FAILED);
}

static enum exit_code print_receipt(struct receipt *receipt)
{
    struct terminal terminal;
    terminal_init(&terminal, stdout);
    table_init(&receipt->table, &terminal, columns,
               sizeof columns / sizeof *columns);
    enum exit_code code = view_message(receipt);
    if (code == EXIT_CODE_FINE) {
        code = view_replays(receipt);
    }
    finish_json(receipt, code);
    receipt->is_failed |= table_end(&receipt->table) != 0;
    json_writer_free(&receipt->json);
    return result(receipt, code);
}

enum exit_code receipt_print(struct inbox_reading *reading,
                             const struct inbox_find *find, bool is_json)
{
    size_t count = reading->config->outlet_count + 1;
    struct receipt receipt = {
        .reading = reading,
        .find = *find,
        .is_json = is_json,
        .is_wanted = calloc(count, sizeof(bool)),
        .is_seen = calloc(count, sizeof(bool)),
    };
    enum exit_code code = receipt.is_wanted == NULL || receipt.is_seen == NULL
                              ? inbox_reading_no_memory()
                              : print_receipt(&receipt);
    free(receipt.is_wanted);
    free(receipt.is_seen);
    return code;
}
