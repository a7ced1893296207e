#include "core/json_reader.h"

#include <assert.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/json_string.h"

#define ENCODING_SIZE 3 /* so many first bytes tell the encoding */

/* Memory for yajl. Never returns NULL, since yajl would write to it. The
 * longjmp() leaks nothing: yajl owns only blocks of the arena, and is not used
 * again. */

static void *memory_alloc(void *context, size_t size)
{
    struct json_reader *reader = context;
    void *data = json_arena_alloc(&reader->arena, size);
    if (data == NULL) {
        longjmp(reader->no_memory, 1);
    }
    return data;
}

static void *memory_resize(void *context, void *data, size_t size)
{
    struct json_reader *reader = context;
    void *resized = json_arena_resize(&reader->arena, data, size);
    if (resized == NULL) {
        longjmp(reader->no_memory, 1);
    }
    return resized;
}

static void memory_free(void *context, void *data)
{
    struct json_reader *reader = context;
    json_arena_free(&reader->arena, data);
}

/* Called at the end of maps and arrays only. A batch has some 400 JSON tokens;
 * where one begins and ends is computed on demand. */
static void whole_note(struct json_reader *reader)
{
    reader->whole = json_reader_token_end(reader);
}

static int scalar(void *context, enum json_kind kind, const char *text,
                  size_t size)
{
    struct json_reader *reader = context;
    if (reader->depth == 0) {
        whole_note(reader);
    }
    return reader->events->value(reader->context, kind, text, size);
}

static int on_null(void *context)
{
    return scalar(context, JSON_NULL, "null", 4);
}

static int on_boolean(void *context, int value)
{
    return value ? scalar(context, JSON_BOOLEAN, "true", 4)
                 : scalar(context, JSON_BOOLEAN, "false", 5);
}

static int on_number(void *context, const char *text, size_t size)
{
    return scalar(context, JSON_NUMBER, text, size);
}

static int on_string(void *context, const unsigned char *text, size_t size)
{
    return scalar(context, JSON_STRING, (const char *)text, size);
}

static int on_key(void *context, const unsigned char *name, size_t size)
{
    struct json_reader *reader = context;
    return reader->events->key(reader->context, (const char *)name, size);
}

static int container_open(struct json_reader *reader, enum json_kind kind)
{
    if (reader->depth == JSON_READER_DEPTH_MAX) {
        reader->error = HAPLO_EDOCUMENT;
        return 0;
    }
    if (!reader->events->value(reader->context, kind, "", 0)) {
        return 0;
    }
    reader->depth++;
    return 1;
}

static int on_map_start(void *context)
{
    return container_open(context, JSON_MAP);
}

static int on_array_start(void *context)
{
    return container_open(context, JSON_ARRAY);
}

static int on_container_end(void *context)
{
    struct json_reader *reader = context;
    whole_note(reader);
    reader->depth--;
    return reader->events->close(reader->context);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_map_start,
    .yajl_map_key = on_key,
    .yajl_end_map = on_container_end,
    .yajl_start_array = on_array_start,
    .yajl_end_array = on_container_end,
};

void json_reader_init(struct json_reader *reader,
                      const struct json_events *events, void *context)
{
    reader->events = events;
    reader->context = context;
    reader->yajl = NULL;
    reader->text = NULL;
    reader->fed = 0;
    reader->whole = 0;
    reader->depth = 0;
    reader->error = 0;
    json_arena_init(&reader->arena);
}

/* Windows programs write this into files and responses. */
static bool has_byte_order_mark(const char *text, size_t size)
{
    static const char *const marks[] = {"\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t mark_size = strlen(marks[i]);
        if (memcmp(text, marks[i], size < mark_size ? size : mark_size) == 0) {
            return true;
        }
    }
    return false;
}

/* What the first bytes say about the encoding, if it is a wrong one; or NULL.
 * The first character of JSON text is ASCII. */
static const char *encoding_fault(const char *text, size_t size)
{
    if (size == 0) {
        return NULL;
    }
    if (has_byte_order_mark(text, size)) {
        return "begins with a byte order mark";
    }
    return text[0] == '\0' || (size > 1 && text[1] == '\0') ? "is UTF-16"
                                                            : NULL;
}

/* yajl returns texts like "parse error: premature EOF\n", some with a full
 * stop before the newline. */
static int malformed(struct json_reader *reader, size_t at, struct reason *why)
{
    unsigned char *text = yajl_get_error(reader->yajl, 0, NULL, 0);
    size_t size = strcspn((const char *)text, "\n");
    while (size > 0 && text[size - 1] == '.') {
        size--;
    }
    int error = reason_set(why, HAPLO_EDOCUMENT,
                           "the response is not a JSON document: at byte %zu: "
                           "%.*s",
                           at, (int)size, (const char *)text);
    yajl_free_error(reader->yajl, text);
    return error;
}

static int cancelled(const struct json_reader *reader, struct reason *why)
{
    if (reader->error == 0) {
        return HAPLO_ECANCELED;
    }
    return reason_set(why, reader->error,
                      "at byte %zu: maps and arrays are nested more than %d "
                      "levels deep",
                      json_reader_token_end(reader), JSON_READER_DEPTH_MAX);
}

/* Passes a chunk to yajl; NULL means the end of the document. No local
 * variable may change between setjmp() and longjmp(). */
static int yajl_run(struct json_reader *reader, const char *chunk, size_t size,
                    struct reason *why)
{
    if (setjmp(reader->no_memory) != 0) {
        return HAPLO_ENOMEM;
    }
    if (reader->yajl == NULL) {
        yajl_alloc_funcs memory = {memory_alloc, memory_resize, memory_free,
                                   reader};
        reader->yajl = yajl_alloc(&callbacks, &memory, reader);
    }
    yajl_status status =
        chunk != NULL
            ? yajl_parse(reader->yajl, (const unsigned char *)chunk, size)
            : yajl_complete_parse(reader->yajl);
    size_t at = reader->fed;
    if (chunk != NULL) {
        at += yajl_get_bytes_consumed(reader->yajl);
    }
    switch (status) {
    case yajl_status_ok:
        return 0;
    case yajl_status_client_canceled:
        return cancelled(reader, why);
    case yajl_status_error:
        break;
    }
    if (reader->fed == 0 && chunk != NULL && encoding_fault(chunk, size)) {
        return reason_set(why, HAPLO_EDOCUMENT,
                          "the response is not a JSON document: it %s; it must "
                          "be UTF-8 without a byte order mark",
                          encoding_fault(chunk, size));
    }
    return malformed(reader, at, why);
}

static int reader_parse(struct json_reader *reader, const char *text,
                        size_t size, struct reason *why)
{
    assert(size >= reader->fed);
    reader->text = text;
    reader->error =
        yajl_run(reader, text + reader->fed, size - reader->fed, why);
    reader->fed = size;
    return reader->error;
}

int json_reader_feed(struct json_reader *reader, const char *text, size_t size,
                     struct reason *why)
{
    size_t unfinished = reader->fed - reader->whole;
    if (reader->error != 0 || size == reader->fed || size < ENCODING_SIZE ||
        (unfinished > JSON_READER_EAGER_SIZE &&
         size - reader->fed < unfinished)) {
        return reader->error;
    }
    return reader_parse(reader, text, size, why);
}

static bool byte_is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static int behind_check(const struct json_reader *reader, const char *text,
                        size_t size, struct reason *why)
{
    for (size_t at = reader->whole; at < size; at++) {
        if (!byte_is_space(text[at])) {
            return reason_set(why, HAPLO_EDOCUMENT,
                              "at byte %zu: unexpected data after the JSON "
                              "document",
                              at);
        }
    }
    return 0;
}

int json_reader_finish(struct json_reader *reader, const char *text,
                       size_t size, struct reason *why)
{
    if (reader->error == 0 && size > reader->fed) {
        reader_parse(reader, text, size, why);
    }
    if (reader->error == 0) {
        reader->text = text;
        reader->error = yajl_run(reader, NULL, 0, why);
    }
    if (reader->error == 0) {
        reader->error = behind_check(reader, text, size, why);
    }
    return reader->error;
}

/* yajl counts from the beginning of the current chunk. */
size_t json_reader_token_end(const struct json_reader *reader)
{
    return reader->fed + yajl_get_bytes_consumed(reader->yajl);
}

/* Every JSON token except ',' and ':' causes an event, so nothing but these
 * and white space (by yajl's definition) can separate two events. */
size_t json_reader_token_start(const struct json_reader *reader, size_t before)
{
    const char *at = reader->text + before;
    while (byte_is_space(*at) || *at == ',' || *at == ':') {
        at++;
    }
    return (size_t)(at - reader->text);
}

bool json_reader_string_is_sound(const struct json_reader *reader,
                                 size_t before)
{
    return json_string_is_sound(reader->text + before,
                                json_reader_token_end(reader) - before);
}

/* Not yajl_free(): after a longjmp() the handle may be half constructed. */
void json_reader_free(struct json_reader *reader)
{
    json_arena_reset(&reader->arena);
    reader->yajl = NULL;
}
