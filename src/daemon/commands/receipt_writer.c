#include "daemon/commands/receipt_writer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/wall_clock.h"
#include "outlets/message_id.h"

static const struct table_column columns[] = {
    {"TIME", false, 0},
    {"WHAT", false, 0},
};

static void tell(struct receipt_writer *writer, uint64_t at_ms,
                 const char *text)
{
    char at[WALL_CLOCK_TEXT_SIZE];
    table_text(&writer->table, TERMINAL_PLAIN,
               at_ms == 0 ? "-" : wall_clock_text_ms(at_ms, at));
    table_text(&writer->table, TERMINAL_PLAIN, text);
}

/* The message */

static void tell_stored(struct receipt_writer *writer, const char *inbox,
                        const struct inbox_trace *row)
{
    const struct inbox_message *message = &row->message;
    char text[TRACE_TEXT_SIZE];
    char id[MESSAGE_ID_SIZE_MAX];
    snprintf(text, sizeof text,
             "fetched from %s/%s, message %" PRIu32 " of a batch of %" PRIu32,
             message->server, message->queue, row->position + 1,
             message->batch_count);
    tell(writer, message->received_at_ms, text);
    message_id_write(id, message, row->inbox_uuid, 0);
    snprintf(text, sizeof text,
             "stored in inbox %s, arrival %" PRIu64 ", as %s", inbox,
             message->arrival, id);
    tell(writer, row->stored_at_ms, text);
    tell(writer, row->marked_at_ms,
         row->marked_at_ms != 0
             ? "marked: the server has confirmed that it is read"
             : "not known to be marked: the server may send it again, which "
               "would be recognised");
}

static void put_stored(struct receipt_writer *writer,
                       const struct inbox_trace *row)
{
    const struct inbox_message *message = &row->message;
    struct json_writer *json = &writer->json;
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

static void tell_missing(struct receipt_writer *writer,
                         const struct inbox_trace *row)
{
    char text[TRACE_TEXT_SIZE];
    switch (row->state) {
    case INBOX_TRACE_PURGED:
        snprintf(text, sizeof text, "purged from %s/%s%s%s",
                 row->message.server, row->message.queue,
                 row->purged_why[0] != '\0' ? ": " : "", row->purged_why);
        tell(writer, row->purged_at_ms, text);
        break;
    case INBOX_TRACE_GONE:
        tell(writer, 0,
             "deleted after the retention period of the inbox, or the number "
             "was never stored");
        break;
    default:
        tell(writer, 0, "no message has this number yet");
        break;
    }
}

static void put_missing(struct receipt_writer *writer,
                        const struct inbox_trace *row)
{
    if (row->state == INBOX_TRACE_PURGED) {
        json_text(&writer->json, "server", row->message.server);
        json_text(&writer->json, "queue", row->message.queue);
        json_time(&writer->json, "purged_at", row->purged_at_ms);
        json_text(&writer->json, "purge_reason", row->purged_why);
    }
}

void receipt_writer_message(struct receipt_writer *writer, const char *inbox,
                            const struct inbox_trace *row)
{
    static const char *const names[] = {
        [INBOX_TRACE_STORED] = "stored",
        [INBOX_TRACE_PURGED] = "purged",
        [INBOX_TRACE_GONE] = "gone",
        [INBOX_TRACE_NEVER] = "unknown",
    };
    bool is_stored = row->state == INBOX_TRACE_STORED;
    if (!writer->is_json && is_stored) {
        tell_stored(writer, inbox, row);
    } else if (!writer->is_json) {
        tell_missing(writer, row);
    } else {
        json_object(&writer->json, NULL);
        json_text(&writer->json, "inbox", inbox);
        json_count(&writer->json, "arrival", row->message.arrival);
        json_text(&writer->json, "state", names[row->state]);
        (is_stored ? put_stored : put_missing)(writer, row);
        json_array(&writer->json, "outlets");
    }
}

/* Outlets */

static void put_outlet(struct receipt_writer *writer,
                       const struct trace_outlet *outlet)
{
    const struct inbox_trace_outlet *row = outlet->row;
    struct json_writer *json = &writer->json;
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

void receipt_writer_outlet(struct receipt_writer *writer,
                           const struct trace_outlet *outlet)
{
    char text[TRACE_TEXT_SIZE];
    char line[TRACE_TEXT_SIZE + HAPLO_NAME_SIZE_MAX + 16];
    if (writer->is_json) {
        put_outlet(writer, outlet);
        return;
    }
    snprintf(line, sizeof line, "outlet %s: %s", outlet->name,
             trace_outcome_text(outlet, text));
    tell(writer, outlet->row != NULL ? outlet->row->refused_at_ms : 0, line);
}

/* Replays */

void receipt_writer_replays(struct receipt_writer *writer)
{
    if (writer->is_json) {
        json_array_end(&writer->json);
        json_array(&writer->json, "replays");
    }
}

static void put_replay(struct receipt_writer *writer,
                       const struct inbox_replay *replay, bool is_done)
{
    struct json_writer *json = &writer->json;
    json_object(json, NULL);
    json_count(json, "number", replay->id);
    json_text(json, "outlet", replay->outlet);
    json_bool(json, "has_passed_it", is_done);
    json_time(json, "started_at", replay->created_at_ms);
    json_time(json, "changed_at", replay->changed_at_ms);
    json_object_end(json);
}

void receipt_writer_replay(struct receipt_writer *writer,
                           const struct inbox_replay *replay, bool is_done)
{
    char text[TRACE_TEXT_SIZE];
    char until[WALL_CLOCK_TEXT_SIZE];
    if (writer->is_json) {
        put_replay(writer, replay, is_done);
    } else if (is_done) {
        snprintf(text, sizeof text,
                 "outlet %s: replay %" PRIu64 " began, and sent it again "
                 "before %s",
                 replay->outlet, replay->id,
                 wall_clock_text_ms(replay->changed_at_ms, until));
        tell(writer, replay->created_at_ms, text);
    } else {
        snprintf(text, sizeof text,
                 "outlet %s: replay %" PRIu64 " began, and has not come to it "
                 "yet",
                 replay->outlet, replay->id);
        tell(writer, replay->created_at_ms, text);
    }
}

/* Begin and end */

void receipt_writer_begin(struct receipt_writer *writer, bool is_json)
{
    *writer = (struct receipt_writer){.is_json = is_json};
    terminal_init(&writer->terminal, stdout);
    table_init(&writer->table, &writer->terminal, columns,
               sizeof columns / sizeof *columns);
}

int receipt_writer_end(struct receipt_writer *writer, bool is_whole)
{
    int error = 0;
    if (writer->is_json && is_whole) {
        json_array_end(&writer->json);
        json_object_end(&writer->json);
        json_end_line(&writer->json);
        error = json_writer_print(&writer->json, stdout);
    }
    json_writer_free(&writer->json);
    int table_error = table_end(&writer->table);
    return error != 0 ? error : table_error;
}
