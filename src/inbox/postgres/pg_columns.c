#include "inbox/postgres/pg_columns.h"

#include <ctype.h>
#include <string.h>

#include "inbox/postgres/pg_jsonb.h"

static const char *const pointers[PG_COLUMN_COUNT] = {
    "/id", "/datetime", "/action", "/object/ref", "/object/recordVersion"};

int pg_columns_init(struct pg_columns *columns)
{
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_array_init(&columns->texts[i], PG_TEXT);
    }
    columns->count = 0;
    columns->is_short = false;
    return json_select_new(&columns->select, pointers, PG_COLUMN_COUNT, NULL,
                           NULL);
}

void pg_columns_free(struct pg_columns *columns)
{
    json_select_free(columns->select);
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_array_free(&columns->texts[i]);
    }
}

void pg_columns_clear(struct pg_columns *columns)
{
    columns->count = 0;
    columns->is_short = false;
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_array_clear(&columns->texts[i]);
    }
}

/* Sets the member of the newest message, after the NULLs before it. */
static void add_text(const struct pg_columns *columns, struct pg_array *texts,
                     struct haplo_slice text)
{
    if (!pg_text_can_hold(text)) {
        return;
    }
    for (size_t i = texts->count + 1; i < columns->count; i++) {
        pg_array_null(texts);
    }
    pg_array_slice(texts, text);
}

static void add_value(struct pg_columns *columns, struct pg_array *texts,
                      const struct json_value *value)
{
    if (value->kind != JSON_MISSING && value->kind != JSON_NULL) {
        add_text(columns, texts,
                 (struct haplo_slice){value->text, value->size});
    }
}

/* True if the text that ends here, apart from white space, ends in a key that
 * leads to a column. All of these have as many characters. */
static bool is_key_before(const char *begin, const char *end)
{
    const size_t size = sizeof("\"action\"") - 1;

    while (end > begin && isspace((unsigned char)end[-1])) {
        end--;
    }
    return (size_t)(end - begin) >= size &&
           (memcmp(end - size, "\"action\"", size) == 0 ||
            memcmp(end - size, "\"object\"", size) == 0);
}

/* True if only id and datetime, which are known, can be in this message. Most
 * messages are of this kind and need not be read once more. A key with an
 * escape might be any. */
static bool is_plain(struct haplo_slice body)
{
    const char *end = body.data + body.size;
    const char *at = body.data;

    if (memchr(body.data, '\\', body.size) != NULL) {
        return false;
    }
    while ((at = memchr(at, ':', (size_t)(end - at))) != NULL) {
        if (is_key_before(body.data, at)) {
            return false;
        }
        at++;
    }
    return true;
}

/* A JSON value without escapes; or empty: missing. */
static void add_member(struct pg_columns *columns, struct pg_array *texts,
                       struct haplo_slice value)
{
    if (value.size >= 2 && value.data[0] == '"') {
        add_text(columns, texts,
                 (struct haplo_slice){value.data + 1, value.size - 2});
    } else if (value.size > 0 && value.data[0] != 'n') { /* null */
        add_text(columns, texts, value);
    }
}

static void add_plain(struct pg_columns *columns,
                      const struct haplo_message *message)
{
    add_member(columns, &columns->texts[0], message->id);
    add_member(columns, &columns->texts[1], message->datetime);
}

static void add_selected(struct pg_columns *columns, struct haplo_slice body)
{
    if (json_select_run(columns->select, body.data, body.size) ==
        HAPLO_ENOMEM) {
        columns->is_short = true;
    }
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        add_value(columns, &columns->texts[i],
                  json_select_value(columns->select, i));
    }
}

void pg_columns_add(struct pg_columns *columns,
                    const struct haplo_message *message,
                    enum haplo_format format)
{
    columns->count++;
    if (format != HAPLO_FORMAT_JSON || is_plain(message->body)) {
        add_plain(columns, message); /* a raw message has neither */
    } else {
        add_selected(columns, message->body);
    }
}

void pg_columns_add_body(struct pg_columns *columns, struct haplo_slice body,
                         enum haplo_format format)
{
    columns->count++;
    if (format == HAPLO_FORMAT_JSON) {
        add_selected(columns, body);
    }
}

int pg_columns_finish(struct pg_columns *columns)
{
    int error = columns->is_short ? HAPLO_ENOMEM : 0;

    for (size_t i = 0; error == 0 && i < PG_COLUMN_COUNT; i++) {
        error = pg_array_finish(&columns->texts[i]);
    }
    return error;
}
