#include "inbox/postgres/pg_columns.h"

#include <string.h>

#include "inbox/postgres/pg_jsonb.h"

static const char *const pointers[PG_COLUMN_COUNT] = {
    "/id", "/datetime", "/action", "/object/ref", "/object/recordVersion"};

int pg_columns_init(struct pg_columns *columns)
{
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_array_init(&columns->texts[i], PG_TEXT);
    }
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
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        pg_array_clear(&columns->texts[i]);
    }
}

static void add_value(struct pg_array *texts, const struct json_value *value)
{
    struct haplo_slice text = {value->text, value->size};

    if (value->kind == JSON_MISSING || value->kind == JSON_NULL ||
        !pg_text_can_hold(text)) {
        pg_array_null(texts);
    } else {
        pg_array_slice(texts, text);
    }
}

/* On failure, all values are missing. */
void pg_columns_add(struct pg_columns *columns, struct haplo_slice body,
                    bool is_json)
{
    if (is_json) {
        (void)json_select_run(columns->select, body.data, body.size);
    }
    for (size_t i = 0; i < PG_COLUMN_COUNT; i++) {
        if (is_json) {
            add_value(&columns->texts[i],
                      json_select_value(columns->select, i));
        } else {
            pg_array_null(&columns->texts[i]);
        }
    }
}

int pg_columns_finish(struct pg_columns *columns)
{
    int error = 0;

    for (size_t i = 0; error == 0 && i < PG_COLUMN_COUNT; i++) {
        error = pg_array_finish(&columns->texts[i]);
    }
    return error;
}
