#include "daemon/text/json_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/wall_clock.h"

#define CAPACITY_MIN 1024
#define NUMBER_SIZE_MAX 32

/* Memory */

void json_writer_free(struct json_writer *json)
{
    free(json->data);
    *json = (struct json_writer){0};
}

void json_writer_clear(struct json_writer *json)
{
    json->size = 0;
}

/* False if memory has run out, now or before. */
static bool has_room(struct json_writer *json, size_t size)
{
    if (json->is_failed) {
        return false;
    }
    if (size <= json->capacity - json->size) {
        return true;
    }
    size_t capacity = json->capacity == 0 ? CAPACITY_MIN : json->capacity;
    while (capacity - json->size < size && capacity <= SIZE_MAX / 2) {
        capacity *= 2;
    }
    char *data =
        capacity - json->size < size ? NULL : realloc(json->data, capacity);
    if (data == NULL) {
        json->is_failed = true;
        return false;
    }
    json->data = data;
    json->capacity = capacity;
    return true;
}

void json_raw(struct json_writer *json, const char *data, size_t size)
{
    if (size > 0 && has_room(json, size)) {
        memcpy(json->data + json->size, data, size);
        json->size += size;
    }
}

static void put(struct json_writer *json, const char *text)
{
    json_raw(json, text, strlen(text));
}

/* Texts */

static void put_escape(struct json_writer *json, unsigned char byte)
{
    static const char letters[] = "\"\\\n\r\t";
    static const char escapes[] = "\"\\nrt";
    const char *found = byte != '\0' ? strchr(letters, byte) : NULL;
    char escape[8];
    int size = found != NULL ? snprintf(escape, sizeof escape, "\\%c",
                                        escapes[found - letters])
                             : snprintf(escape, sizeof escape, "\\u%04x", byte);
    json_raw(json, escape, (size_t)size);
}

/* Copies what needs no change in one piece. */
static void put_escaped(struct json_writer *json, const char *text, size_t size)
{
    size_t copied = 0;
    size_t at = 0;
    while (at < size) {
        unsigned char byte = (unsigned char)text[at];
        size_t length = utf8_character_size(text + at, size - at);
        if (length > 0 && byte >= ' ' && byte != '"' && byte != '\\' &&
            byte != 0x7f) {
            at += length;
            continue;
        }
        json_raw(json, text + copied, at - copied);
        if (length == 0) {
            put(json, "\xef\xbf\xbd");
        } else {
            put_escape(json, byte);
        }
        copied = ++at;
    }
    json_raw(json, text + copied, size - copied);
}

/* Values */

static void begin(struct json_writer *json, const char *name)
{
    if (json->needs_comma) {
        json_raw(json, ",", 1);
    }
    json->needs_comma = true;
    if (name != NULL) {
        json_raw(json, "\"", 1);
        put(json, name);
        json_raw(json, "\":", 2);
    }
}

static void nest(struct json_writer *json, const char *name, const char *mark)
{
    begin(json, name);
    json_raw(json, mark, 1);
    json->needs_comma = false;
}

static void unnest(struct json_writer *json, const char *mark)
{
    json_raw(json, mark, 1);
    json->needs_comma = true;
}

void json_object(struct json_writer *json, const char *name)
{
    nest(json, name, "{");
}

void json_object_end(struct json_writer *json)
{
    unnest(json, "}");
}

void json_array(struct json_writer *json, const char *name)
{
    nest(json, name, "[");
}

void json_array_end(struct json_writer *json)
{
    unnest(json, "]");
}

void json_slice(struct json_writer *json, const char *name,
                struct haplo_slice text)
{
    begin(json, name);
    json_raw(json, "\"", 1);
    put_escaped(json, text.data, text.size);
    json_raw(json, "\"", 1);
}

void json_text(struct json_writer *json, const char *name, const char *text)
{
    if (text == NULL) {
        json_null(json, name);
    } else {
        json_slice(json, name, (struct haplo_slice){text, strlen(text)});
    }
}

void json_null(struct json_writer *json, const char *name)
{
    begin(json, name);
    put(json, "null");
}

void json_bool(struct json_writer *json, const char *name, bool value)
{
    begin(json, name);
    put(json, value ? "true" : "false");
}

void json_count(struct json_writer *json, const char *name, uint64_t value)
{
    char text[NUMBER_SIZE_MAX];
    char *at = text + sizeof text;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    begin(json, name);
    json_raw(json, at, (size_t)(text + sizeof text - at));
}

void json_seconds(struct json_writer *json, const char *name, uint64_t ms)
{
    json_count(json, name, ms / 1000);
    if (ms % 1000 != 0) {
        char text[NUMBER_SIZE_MAX];
        int size = snprintf(text, sizeof text, ".%03u", (unsigned)(ms % 1000));
        while (text[size - 1] == '0') {
            size--;
        }
        json_raw(json, text, (size_t)size);
    }
}

void json_time(struct json_writer *json, const char *name, uint64_t at_ms)
{
    char text[WALL_CLOCK_TEXT_SIZE];
    json_text(json, name, at_ms == 0 ? NULL : wall_clock_text_ms(at_ms, text));
}

void json_end_line(struct json_writer *json)
{
    json_raw(json, "\n", 1);
    json->needs_comma = false;
}

int json_writer_print(struct json_writer *json, FILE *file)
{
    bool is_written = !json->is_failed &&
                      fwrite(json->data, 1, json->size, file) == json->size;
    json_writer_clear(json);
    return is_written ? 0 : -1;
}
