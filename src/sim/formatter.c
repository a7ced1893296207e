#include "sim/formatter.h"

#include <string.h>

#include "sim/encoding.h"
#include "sim/json.h"

static void format_ids(const struct sim_queue *queue, struct sim_buffer *to)
{
    for (size_t i = 0; i < queue->batch_count; i++) {
        char digits[24];
        size_t at = sizeof digits;
        for (uint64_t id = queue->batch[i]->id; id > 0; id /= 10) {
            digits[--at] = (char)('0' + id % 10);
        }
        if (i > 0) {
            digits[--at] = ',';
        }
        sim_buffer_add(to, digits + at, sizeof digits - at);
    }
}

void sim_format_token(const struct sim_queue *queue, struct sim_buffer *to)
{
    struct sim_buffer ids = {0};
    format_ids(queue, &ids);
    sim_base64_encode(to, ids.bytes, ids.size);
    sim_buffer_free(&ids);
}

/* As the server does: two-space indent, no trailing newline. */
static void format_default(const struct sim_queue *queue, struct sim_buffer *to)
{
    sim_buffer_text(to, "{\n  \"version\": 0,\n  \"token\": \"");
    sim_format_token(queue, to);
    sim_buffer_text(to, "\",\n  \"messages\": [");
    for (size_t i = 0; i < queue->batch_count; i++) {
        sim_buffer_text(to, i == 0 ? "\n    " : ",\n    ");
        sim_buffer_add(to, queue->batch[i]->bytes, queue->batch[i]->size);
    }
    sim_buffer_text(to, queue->batch_count == 0 ? "]\n}" : "\n  ]\n}");
}

/* The `type` of a message as a JSON string; "" if it has none. */
static void format_type(const struct sim_message *message,
                        struct sim_buffer *to)
{
    static const char name[] = "\"type\":\"";
    const char *data = message->data == NULL ? "" : message->data;
    const char *type = strstr(data, name);
    if (type == NULL) {
        sim_buffer_text(to, "\"\"");
        return;
    }
    type += sizeof name - 2;
    const char *end = sim_json_skip(type, data + message->data_size);
    sim_buffer_add(to, type, (size_t)(end - type));
}

static void format_csv(const struct sim_queue *queue, struct sim_buffer *to)
{
    sim_buffer_text(to, "id,type\r\n");
    for (size_t i = 0; i < queue->batch_count; i++) {
        sim_buffer_format(to, "%llu,", (unsigned long long)queue->batch[i]->id);
        format_type(queue->batch[i], to);
        sim_buffer_text(to, "\r\n");
    }
    sim_buffer_text(to, "#token,");
    sim_format_token(queue, to);
    sim_buffer_text(to, "\r\n");
}

static void format_xml(const struct sim_queue *queue, struct sim_buffer *to)
{
    sim_buffer_format(to,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                      "<batch queue=\"%s\" token=\"",
                      queue->name);
    sim_format_token(queue, to);
    sim_buffer_text(to, "\">\n");
    for (size_t i = 0; i < queue->batch_count; i++) {
        const struct sim_message *message = queue->batch[i];
        char date[SIM_DATE_SIZE];
        sim_date_format(message->date_s, date);
        sim_buffer_format(to, "  <message id=\"%llu\" created=\"%s\"><data>",
                          (unsigned long long)message->id, date);
        sim_buffer_xml(to, message->data, message->data_size);
        sim_buffer_text(to, "</data></message>\n");
    }
    sim_buffer_text(to, "</batch>\n");
}

static void format_json_other(const struct sim_queue *queue,
                              struct sim_buffer *to)
{
    sim_buffer_text(to, "{\"batch\":{\"ack\":\"");
    sim_format_token(queue, to);
    sim_buffer_text(to, "\",\"items\":[");
    for (size_t i = 0; i < queue->batch_count; i++) {
        const struct sim_message *message = queue->batch[i];
        sim_buffer_format(to, "%s{\"ref\":%llu,\"payload\":", i > 0 ? "," : "",
                          (unsigned long long)message->id);
        if (message->data == NULL) {
            sim_buffer_text(to, "null");
        }
        sim_buffer_add(to, message->data, message->data_size);
        sim_buffer_text(to, "}");
    }
    sim_buffer_text(to, "]}}");
}

static void format_string(const struct sim_queue *queue, struct sim_buffer *to)
{
    sim_buffer_text(to, "token=");
    sim_format_token(queue, to);
    sim_buffer_text(to, " ids=");
    format_ids(queue, to);
}

struct sim_format sim_format_batch(const struct sim_queue *queue,
                                   struct sim_buffer *to)
{
    switch (queue->settings.formatter) {
    case SIM_FORMATTER_CSV:
        format_csv(queue, to);
        return (struct sim_format){"text/csv", ".csv"};
    case SIM_FORMATTER_XML:
        format_xml(queue, to);
        return (struct sim_format){"application/xml", "_messages.xml"};
    case SIM_FORMATTER_XML_WITHOUT_TOKEN:
        sim_buffer_text(to, "<batch></batch>");
        return (struct sim_format){"text/xml", ".xml"};
    case SIM_FORMATTER_JSON_OTHER:
        format_json_other(queue, to);
        return (struct sim_format){"application/json", ".json"};
    case SIM_FORMATTER_STRING:
        format_string(queue, to);
        return (struct sim_format){"text/html; charset=utf-8", NULL};
    default:
        format_default(queue, to);
        return (struct sim_format){"application/json", ".json"};
    }
}
