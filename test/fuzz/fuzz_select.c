/*
 * Values at JSON pointers. An odd first byte adds the one of the whole
 * document, which is then read to its end. Lines with a pointer each follow, up
 * to an empty one; the rest is the document. What is selected all at once is
 * what a plain descent along each pointer finds, in a document of which the
 * library's reader says that it is JSON.
 */
#include <string.h>

#include "core/json_reader.h"
#include "core/json_select.h"
#include "fuzz.h"

#define POINTER_COUNT_MAX 8

/* The document, known to be JSON, so nothing is checked again. */
struct descent {
    const char *at; /* next byte */
};

static void space_skip(struct descent *descent)
{
    while (strchr(" \t\n\v\f\r,:", *descent->at) != NULL &&
           *descent->at != '\0') {
        descent->at++;
    }
}

static void string_skip(struct descent *descent)
{
    descent->at++;
    while (*descent->at != '"') {
        descent->at += *descent->at == '\\' ? 2 : 1;
    }
    descent->at++;
}

/* To the end of the value that begins here. */
static void value_skip(struct descent *descent)
{
    size_t depth = 0;
    do {
        space_skip(descent);
        if (*descent->at == '"') {
            string_skip(descent);
        } else if (strchr("[{", *descent->at) != NULL) {
            depth++;
            descent->at++;
        } else if (strchr("]}", *descent->at) != NULL) {
            depth--;
            descent->at++;
        } else {
            descent->at += strcspn(descent->at, " \t\n\v\f\r,:]}");
        }
    } while (depth > 0);
}

static bool key_is(const char *key, const struct json_segment *segment)
{
    struct json_select *select;
    static const char *const whole[] = {""};
    struct descent end = {key};
    string_skip(&end);
    FUZZ_CHECK(json_select_new(&select, whole, 1, NULL, NULL) == 0);
    FUZZ_CHECK(json_select_run(select, key, (size_t)(end.at - key)) == 0);
    const struct json_value *name = json_select_value(select, 0);
    bool is = !name->is_replaced && name->size == segment->size &&
              memcmp(name->text, segment->name, name->size) == 0;
    json_select_free(select);
    return is;
}

/* Into the member or element that the segment names; false: there is none. */
static bool step(struct descent *descent, const struct json_segment *segment)
{
    char open = *descent->at;
    if (open != '{' && open != '[') {
        return false;
    }
    descent->at++;
    space_skip(descent);
    for (size_t i = 0; strchr("]}", *descent->at) == NULL; i++) {
        bool is_it = open == '[' && i == segment->index;
        if (open == '{') {
            is_it = key_is(descent->at, segment);
            string_skip(descent);
            space_skip(descent);
        }
        if (is_it) {
            return true;
        }
        value_skip(descent);
        space_skip(descent);
    }
    return false;
}

static enum json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return JSON_MAP;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
        return JSON_BOOLEAN;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

static void check_value(const struct json_value *value, const char *text,
                        const char *pointer_text)
{
    struct json_pointer pointer;
    struct descent descent = {text};
    FUZZ_CHECK(json_pointer_init(&pointer, pointer_text, NULL) == 0);
    bool is_there = true;
    space_skip(&descent);
    for (size_t i = 0; is_there && i < pointer.count; i++) {
        is_there = step(&descent, &pointer.segments[i]);
    }
    FUZZ_CHECK(is_there == (value->kind != JSON_MISSING));
    if (is_there) {
        struct descent end = descent;
        value_skip(&end);
        FUZZ_CHECK(value->kind == kind_of(*descent.at));
        size_t size = (size_t)(end.at - descent.at);
        if (value->kind == JSON_STRING) {
            FUZZ_CHECK(value->size + 2 <= size);
        } else {
            FUZZ_CHECK(value->size == size && value->text == descent.at);
        }
    }
    json_pointer_free(&pointer);
}

/* Strings as yajl decodes them */

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    const struct json_value *value = context;
    if (kind == JSON_STRING && !value->is_replaced) {
        FUZZ_CHECK(value->size == size && memcmp(value->text, text, size) == 0);
    }
    return true;
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
    (void)context;
    return true;
}

/* True if it is JSON. value: what selects the whole document. */
static bool document_read(const char *text, size_t size,
                          const struct json_value *value)
{
    static const struct json_events events = {on_value, on_key, on_close};
    struct json_reader reader;
    struct json_value none = {.is_replaced = true};
    json_reader_init(&reader, &events,
                     value->kind == JSON_STRING ? (void *)value : &none);
    int error = json_reader_finish(&reader, text, size, NULL);
    json_reader_free(&reader);
    return error == 0;
}

static void check_document(char **pointers, size_t count, const char *text,
                           size_t size)
{
    struct json_select *select;
    struct reason why = {""};
    size_t bad = count;
    int error = json_select_new(&select, (const char *const *)pointers, count,
                                &bad, &why);
    if (error != 0) {
        FUZZ_CHECK(error == HAPLO_EINVAL && bad < count && select == NULL);
        check_line(why.text, sizeof why.text);
        return;
    }
    error = json_select_run(select, text, size);
    FUZZ_CHECK(error == 0 || error == HAPLO_EDOCUMENT);
    static const struct json_value none = {.kind = JSON_MISSING};
    bool has_whole = count > 0 && pointers[0][0] == '\0';
    bool is_json = document_read(
        text, size, has_whole ? json_select_value(select, 0) : &none);
    FUZZ_CHECK(!is_json || error == 0);
    for (size_t i = 0; is_json && i < count; i++) {
        check_value(json_select_value(select, i), text, pointers[i]);
    }
    json_select_free(select);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *pointers[POINTER_COUNT_MAX];
    size_t count = 0;
    if (input_byte(&input) % 2 == 1) {
        pointers[count++] = strdup("");
    }
    while (count < POINTER_COUNT_MAX) {
        char *line = input_line(&input);
        if (line[0] == '\0') {
            free(line);
            break;
        }
        pointers[count++] = line;
    }
    size_t text_size;
    char *rest = input_rest(&input, &text_size);
    /* With a NUL behind it, for the descent alone. */
    char *text = malloc(text_size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, rest, text_size);
    text[text_size] = '\0';
    check_document(pointers, count, text, text_size);
    free(text);
    free(rest);
    for (size_t i = 0; i < count; i++) {
        free(pointers[i]);
    }
    return 0;
}
