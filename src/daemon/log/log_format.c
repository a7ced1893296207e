#include "daemon/log/log_format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define END_SIZE 8 /* room for what ends a line: quotes, brace, newline */
#define NUMBER_SIZE 32

/* A line that is being written. */
struct output {
    char *line;  /* borrowed */
    size_t room; /* for all but its end */
    size_t size; /* so far */
};

/* False, and nothing written, if it does not fit. */
static bool put(struct output *output, const char *text, size_t size)
{
    if (output->size + size > output->room) {
        return false;
    }
    memcpy(output->line + output->size, text, size);
    output->size += size;
    return true;
}

static bool put_text(struct output *output, const char *text)
{
    return put(output, text, strlen(text));
}

/* The size of the character that begins here; the text is valid UTF-8. */
static size_t character_size(const char *text)
{
    size_t size = 1;
    while (((unsigned char)text[size] & 0xc0) == 0x80) {
        size++;
    }
    return size;
}

/* In quotes, as far as it fits. */
static void put_quoted(struct output *output, const char *text)
{
    bool fits = put_text(output, "\"");
    while (fits && *text != '\0') {
        size_t size = character_size(text);
        char escaped[2] = {'\\', *text};
        fits = *text == '"' || *text == '\\' ? put(output, escaped, 2)
                                             : put(output, text, size);
        text += size;
    }
    output->line[output->size++] = '"'; /* END_SIZE has room for it */
}

static bool needs_quotes(const char *text)
{
    return text[0] == '\0' || strpbrk(text, " \"=\\") != NULL;
}

static void put_logfmt_value(struct output *output, const char *text)
{
    if (needs_quotes(text)) {
        put_quoted(output, text);
    } else {
        (void)put_text(output, text);
    }
}

/* Fields */

static const char *number_text(const struct log_field *field,
                               char text[NUMBER_SIZE])
{
    if (field->scale > 1) {
        (void)snprintf(text, NUMBER_SIZE, "%.3f",
                       (double)field->number / field->scale);
    } else {
        (void)snprintf(text, NUMBER_SIZE, "%" PRIu64, field->number);
    }
    return text;
}

/* A field is written whole or not at all. */
static void put_field(struct output *output, enum log_format format,
                      const struct log_field *field)
{
    char number[NUMBER_SIZE];
    size_t before = output->size;
    size_t most = strlen(field->name) + NUMBER_SIZE +
                  2 * (field->text == NULL ? 0 : strlen(field->text));
    if (before + most > output->room) {
        return;
    }
    bool is_json = format == LOG_FORMAT_JSON;
    (void)put_text(output, is_json ? ",\"" : " ");
    (void)put_text(output, field->name);
    (void)put_text(output, is_json ? "\":" : "=");
    if (field->text == NULL) {
        (void)put_text(output, number_text(field, number));
    } else if (is_json) {
        put_quoted(output, field->text);
    } else {
        put_logfmt_value(output, field->text);
    }
}

static void put_fields(struct output *output, enum log_format format,
                       const struct log_record *record)
{
    for (size_t i = 0; i < record->field_count; i++) {
        const struct log_field *field = &record->fields[i];
        if (field->text == NULL || field->text[0] != '\0') {
            put_field(output, format, field);
        }
    }
}

/* Lines */

static bool has_time(const struct log_record *record)
{
    return record->time != NULL && record->time[0] != '\0';
}

static void put_line(struct output *output, const struct log_record *record)
{
    if (has_time(record)) {
        (void)put_text(output, record->time);
        (void)put_text(output, " ");
    }
    (void)put_text(output, "haplo-poll: ");
    size_t size = strlen(record->text);
    size_t room = output->room - output->size;
    if (size > room) {
        size = room;
        while (size > 0 && ((unsigned char)record->text[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    (void)put(output, record->text, size);
}

static void put_logfmt(struct output *output, const struct log_record *record)
{
    if (has_time(record)) {
        (void)put_text(output, "time=");
        (void)put_text(output, record->time);
        (void)put_text(output, " ");
    }
    (void)put_text(output, "level=");
    (void)put_text(output, record->level);
    (void)put_text(output, " msg=");
    put_quoted(output, record->text);
    put_fields(output, LOG_FORMAT_LOGFMT, record);
}

static void put_json(struct output *output, const struct log_record *record)
{
    (void)put_text(output, "{");
    if (has_time(record)) {
        (void)put_text(output, "\"time\":\"");
        (void)put_text(output, record->time);
        (void)put_text(output, "\",");
    }
    (void)put_text(output, "\"level\":\"");
    (void)put_text(output, record->level);
    (void)put_text(output, "\",\"msg\":");
    put_quoted(output, record->text);
    put_fields(output, LOG_FORMAT_JSON, record);
    output->line[output->size++] = '}';
}

size_t log_format_line(enum log_format format, const struct log_record *record,
                       char *line, size_t size)
{
    struct output output = {.line = line, .room = size - END_SIZE};
    assert(size >= 256);
    if (format == LOG_FORMAT_JSON) {
        put_json(&output, record);
    } else if (format == LOG_FORMAT_LOGFMT) {
        put_logfmt(&output, record);
    } else {
        put_line(&output, record);
    }
    output.line[output.size++] = '\n';
    return output.size;
}
