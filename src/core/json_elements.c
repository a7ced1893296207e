#include "core/json_elements.h"

static void before_note(struct json_elements *elements)
{
    elements->before = json_reader_token_end(&elements->reader);
}

/* The element that is open has ended. */
static bool element_end(struct json_elements *elements)
{
    return elements->element_cb(elements->data,
                                elements->text + elements->start,
                                elements->before - elements->start);
}

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    struct json_elements *elements = context;
    (void)text;
    (void)size;
    if (elements->reader.depth == 0) {
        before_note(elements);
        return kind == JSON_ARRAY;
    }
    if (elements->reader.depth > 1) {
        return true;
    }
    elements->start =
        json_reader_token_start(&elements->reader, elements->before);
    before_note(elements);
    return kind == JSON_MAP || kind == JSON_ARRAY || element_end(elements);
}

static bool on_key(void *context, const char *name, size_t size)
{
    (void)context;
    (void)name;
    (void)size;
    return true;
}

static bool on_close(void *context)
{
    struct json_elements *elements = context;
    if (elements->reader.depth != 1) {
        return true;
    }
    before_note(elements);
    return element_end(elements);
}

int json_elements_each(struct json_elements *elements, const char *text,
                       size_t size, json_element_cb element_cb, void *data)
{
    static const struct json_events events = {on_value, on_key, on_close};
    elements->element_cb = element_cb;
    elements->data = data;
    elements->text = text;
    elements->before = 0;
    json_reader_init(&elements->reader, &events, elements);
    int error = json_reader_finish(&elements->reader, text, size, NULL);
    json_reader_free(&elements->reader);
    if (error == HAPLO_ECANCELED) {
        /* By element_cb, or because it is no array. */
        error = elements->reader.depth > 0 ? 0 : HAPLO_EDOCUMENT;
    }
    return error;
}
