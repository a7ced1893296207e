/* options.c - reads an object with options into a struct: see options.h. */
#include "options.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct option *find(const struct option *table, const char *name)
{
    for (; table->name != NULL; table++) {
        if (strcmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

static void keep(struct option_texts *texts, char *data, size_t size)
{
    assert(texts->count < OPTION_TEXTS_MAX);
    texts->texts[texts->count++] = (struct option_text){data, size};
}

void options_keep(struct option_texts *texts, char *text)
{
    keep(texts, text, strlen(text));
}

static bool read_string(napi_env env, const struct option *option,
                        napi_value value, const char **into,
                        struct option_texts *texts)
{
    char *text = js_copy_string(env, value, option->name);
    if (text == NULL) {
        return false;
    }
    options_keep(texts, text);
    *into = text;
    return true;
}

/* Copied, because a getter of the next option may be a function that changes
 * them. */
static bool read_bytes(napi_env env, const struct option *option,
                       napi_value value, struct haplo_slice *into,
                       struct option_texts *texts)
{
    struct haplo_slice bytes;
    if (!js_get_bytes(env, value, option->name, &bytes)) {
        return false;
    }
    char *copy = malloc(bytes.size + 1);
    if (copy == NULL) {
        (void)js_throw(env, HAPLO_ENOMEM, "out of memory");
        return false;
    }
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    keep(texts, copy, bytes.size);
    *into = (struct haplo_slice){copy, bytes.size};
    return true;
}

static bool read_bool(napi_env env, const struct option *option,
                      napi_value value, bool *into)
{
    napi_status status = napi_get_value_bool(env, value, into);
    if (status == napi_boolean_expected) {
        (void)js_throw(env, HAPLO_EINVAL, "%s must be true or false",
                       option->name);
        return false;
    }
    return js_ok(env, status);
}

static bool read_integer(napi_env env, const struct option *option,
                         napi_value value, void *into)
{
    uint64_t integer = 0;
    uint64_t max = option->kind == OPTION_UNSIGNED ? UINT_MAX : UINT64_MAX;
    if (!js_get_integer(env, value, option->name, max, &integer)) {
        return false;
    }
    if (option->kind == OPTION_UNSIGNED) {
        *(unsigned *)into = (unsigned)integer;
    } else if (option->kind == OPTION_SIZE) {
        *(size_t *)into = (size_t)integer;
    } else {
        *(uint64_t *)into = integer;
    }
    return true;
}

static bool read_format(napi_env env, const struct option *option,
                        napi_value value, enum haplo_format *into)
{
    char *text = js_copy_string(env, value, option->name);
    if (text == NULL) {
        return false;
    }
    bool is_raw = strcmp(text, "raw") == 0;
    bool is_known = is_raw || strcmp(text, "json") == 0;
    *into = is_raw ? HAPLO_FORMAT_RAW : HAPLO_FORMAT_JSON;
    free(text);
    if (!is_known) {
        (void)js_throw(env, HAPLO_EINVAL, "%s must be \"json\" or \"raw\"",
                       option->name);
    }
    return is_known;
}

static bool read_value(napi_env env, const struct option *option,
                       napi_value value, void *into, struct option_texts *texts)
{
    switch (option->kind) {
    case OPTION_STRING:
        return read_string(env, option, value, into, texts);
    case OPTION_BOOL:
        return read_bool(env, option, value, into);
    case OPTION_BYTES:
        return read_bytes(env, option, value, into, texts);
    case OPTION_FORMAT:
        return read_format(env, option, value, into);
    case OPTION_UNSIGNED:
    case OPTION_SIZE:
    case OPTION_UINT64:
        break;
    }
    return read_integer(env, option, value, into);
}

static bool read_property(napi_env env, napi_value from, napi_value key,
                          const struct option *table, char *into,
                          struct option_texts *texts)
{
    napi_value value = NULL;
    char *name = js_copy_string(env, key, "the name of an option");
    if (name == NULL) {
        return false;
    }
    const struct option *option = find(table, name);
    if (option == NULL) {
        (void)js_throw(env, HAPLO_EINVAL, "there is no option %s", name);
    }
    free(name);
    if (option == NULL ||
        !js_ok(env, napi_get_property(env, from, key, &value))) {
        return false;
    }
    return js_is_nothing(env, value) ||
           read_value(env, option, value, into + option->offset, texts);
}

bool options_read(napi_env env, napi_value from, const struct option *table,
                  void *into, struct option_texts *texts)
{
    napi_valuetype type = napi_undefined;
    napi_value keys = NULL, key = NULL;
    uint32_t count = 0;
    if (!js_ok(env, napi_typeof(env, from, &type))) {
        return false;
    }
    if (type != napi_object) {
        (void)js_throw(env, HAPLO_EINVAL, "options must be an object");
        return false;
    }
    if (!js_ok(env, napi_get_property_names(env, from, &keys)) ||
        !js_ok(env, napi_get_array_length(env, keys, &count))) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!js_ok(env, napi_get_element(env, keys, i, &key)) ||
            !read_property(env, from, key, table, into, texts)) {
            return false;
        }
    }
    return true;
}

void options_free(struct option_texts *texts)
{
    while (texts->count > 0) {
        struct option_text *text = &texts->texts[--texts->count];
        explicit_bzero(text->data, text->size);
        free(text->data);
    }
}
