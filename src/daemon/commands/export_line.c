#include "daemon/commands/export_line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wall_clock.h"
#include "outlets/base64.h"
#include "outlets/message_id.h"

static void put(struct json_writer *out, const char *text)
{
    json_raw(out, text, strlen(text));
}

/* ndjson */

static void put_base64(struct json_writer *out, struct haplo_slice body)
{
    char *text = malloc(base64_size(body.size) + 1);
    if (text == NULL) {
        out->is_failed = true;
        return;
    }
    put(out, ",\"body_base64\":\"");
    json_raw(out, text, (size_t)(base64_write(text, body) - text));
    put(out, "\"");
    free(text);
}

void export_line_ndjson(struct json_writer *out, const char *inbox,
                        const char *inbox_uuid,
                        const struct inbox_message *message)
{
    char id[MESSAGE_ID_SIZE_MAX];
    message_id_write(id, message, inbox_uuid, 0);
    json_object(out, NULL);
    json_text(out, "inbox", inbox);
    json_text(out, "server", message->server);
    json_text(out, "queue", message->queue);
    json_count(out, "arrival", message->arrival);
    json_text(out, "id", id);
    json_time(out, "received_at", message->received_at_ms);
    if (utf8_is_valid(message->body.data, message->body.size)) {
        json_slice(out, "body", message->body);
    } else {
        put_base64(out, message->body);
    }
    json_object_end(out);
    json_end_line(out);
}

/* csv */

/* In quotes, which are doubled inside. */
static void put_quoted(struct json_writer *out, struct haplo_slice text)
{
    const char *at = text.data;
    const char *end = text.data + text.size;
    const char *quote;
    put(out, "\"");
    while (at < end && (quote = memchr(at, '"', (size_t)(end - at))) != NULL) {
        json_raw(out, at, (size_t)(quote - at) + 1);
        put(out, "\"");
        at = quote + 1;
    }
    json_raw(out, at, (size_t)(end - at));
    put(out, "\"");
}

static void put_field(struct json_writer *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        put(out, text);
    } else {
        put_quoted(out, (struct haplo_slice){text, strlen(text)});
    }
    put(out, ",");
}

void export_line_csv(struct json_writer *out, const char *inbox,
                     const char *inbox_uuid,
                     const struct inbox_message *message)
{
    char id[MESSAGE_ID_SIZE_MAX];
    char at[WALL_CLOCK_TEXT_SIZE];
    char arrival[24];
    message_id_write(id, message, inbox_uuid, 0);
    snprintf(arrival, sizeof arrival, "%" PRIu64, message->arrival);
    put_field(out, inbox);
    put_field(out, message->server);
    put_field(out, message->queue);
    put_field(out, arrival);
    put_field(out, id);
    put_field(out, wall_clock_text_ms(message->received_at_ms, at));
    put_quoted(out, message->body);
    put(out, "\r\n");
}
