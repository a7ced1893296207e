#include "outlets/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "outlets/base64.h"
#include "outlets/message_id.h"
#include "outlets/ndjson.h"

#define FIXED_SIZE_MAX 320 /* keys, numbers and dates of a line */

/* A character of a name takes at most six bytes: \u001f. */
size_t envelope_size_max(const struct inbox_message *message,
                         const char *inbox_uuid)
{
    size_t names = strlen(message->server) + strlen(message->queue);
    size_t body = message->format == HAPLO_FORMAT_RAW
                      ? base64_size(message->body.size)
                      : message->body.size;

    return FIXED_SIZE_MAX + strlen(inbox_uuid) + 6 * names + body;
}

/* Like those below, writes to out and returns the end. */
static char *text_put(char *out, const char *text)
{
    return stpcpy(out, text); /* there is room for the NUL */
}

/* Writes a JSON string. */
static char *string_put(char *out, const char *text)
{
    *out++ = '"';
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ') {
            out += sprintf(out, "\\u%04x", (unsigned)*text);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            *out++ = '\\';
        }
        *out++ = *text;
    }
    *out++ = '"';
    return out;
}

static char *body_put(char *out, const struct inbox_message *message)
{
    struct ndjson ndjson = {.in_string = false};

    if (message->format == HAPLO_FORMAT_RAW) {
        out = text_put(out, ",\"message_base64\":\"");
        out = base64_write(out, message->body);
        return text_put(out, "\"");
    }
    out = text_put(out, ",\"message\":");
    return out +
           ndjson_pack(&ndjson, message->body.data, message->body.size, out);
}

size_t envelope_write(const struct inbox_message *message,
                      const char *inbox_uuid, uint64_t replay_id,
                      bool has_new_ids, char *line)
{
    char date[WALL_CLOCK_TEXT_SIZE];
    char id[MESSAGE_ID_SIZE_MAX];
    char *out = text_put(line, "{\"server\":");

    out = string_put(out, message->server);
    out = text_put(out, ",\"queue\":");
    out = string_put(out, message->queue);
    (void)message_id_write(id, message, inbox_uuid,
                           has_new_ids ? replay_id : 0);
    out += sprintf(
        out, ",\"arrival\":%" PRIu64 ",\"id\":\"%s\",\"received_at\":\"%s\"",
        message->arrival, id, wall_clock_text(message->received_at_ms, date));
    if (replay_id != 0) {
        out += sprintf(out, ",\"replay\":%" PRIu64, replay_id);
    }
    out = body_put(out, message);
    out = text_put(out, "}\n");
    return (size_t)(out - line);
}
