#include "core/json_pointer.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

/* The index of an array element: "0", or digits without a leading 0 (RFC 6901,
 * 4). Anything else, including "-", selects no element. */
static size_t index_parse(const char *name, size_t size)
{
    if (size == 0 || (size > 1 && name[0] == '0')) {
        return SIZE_MAX;
    }
    size_t index = 0;
    for (size_t i = 0; i < size; i++) {
        if (name[i] < '0' || name[i] > '9' || index > SIZE_MAX / 10 - 1) {
            return SIZE_MAX;
        }
        index = index * 10 + (size_t)(name[i] - '0');
    }
    return index;
}

/* Unescapes the segment at *from to *to, and advances both past it. */
static int segment_parse(struct json_segment *segment, const char **from,
                         char **to)
{
    const char *in = *from;
    char *out = *to;
    for (; *in != '\0' && *in != '/'; in++) {
        if (*in != '~') {
            *out++ = *in;
            continue;
        }
        in++;
        if (*in != '0' && *in != '1') {
            return HAPLO_EINVAL;
        }
        *out++ = *in == '0' ? '~' : '/';
    }
    segment->name = *to;
    segment->size = (size_t)(out - *to);
    segment->index = index_parse(segment->name, segment->size);
    *from = in;
    *to = out;
    return 0;
}

/* Where the first '~' is that neither "~0" nor "~1" explains; from 1. */
static size_t tilde_place(const char *text)
{
    const char *at = strchr(text, '~');
    while (at != NULL && (at[1] == '0' || at[1] == '1')) {
        at = strchr(at + 1, '~');
    }
    return at != NULL ? (size_t)(at - text) + 1 : 0;
}

int json_pointer_init(struct json_pointer *pointer, const char *text,
                      struct reason *why)
{
    *pointer = (struct json_pointer){0};
    if (text[0] != '\0' && text[0] != '/') {
        return reason_set(why, HAPLO_EINVAL,
                          "\"%.200s\" is not a JSON pointer: it must be empty "
                          "or begin with '/'",
                          text);
    }
    /* One block: the text as given, followed by the unescaped names, which are
     * never longer. */
    size_t size = strlen(text) + 1;
    if (size > SIZE_MAX / 2) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    pointer->text = alloc_bytes(2 * size);
    if (pointer->text == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    memcpy(pointer->text, text, size);
    char *names = pointer->text + size;
    while (*text == '/') {
        text++;
        if (pointer->count == HAPLO_POINTER_DEPTH_MAX) {
            int error = reason_set(why, HAPLO_EINVAL,
                                   "\"%.200s\" has more than %d segments",
                                   pointer->text, HAPLO_POINTER_DEPTH_MAX);
            json_pointer_free(pointer);
            return error;
        }
        if (segment_parse(&pointer->segments[pointer->count++], &text,
                          &names) != 0) {
            int error = reason_set(why, HAPLO_EINVAL,
                                   "\"%.200s\" is not a JSON pointer: the "
                                   "'~' at character %zu must be written "
                                   "\"~0\"",
                                   pointer->text, tilde_place(pointer->text));
            json_pointer_free(pointer);
            return error;
        }
    }
    return 0;
}

const char *json_pointer_text(const struct json_pointer *pointer)
{
    return pointer->text;
}

void json_pointer_free(struct json_pointer *pointer)
{
    alloc_free(pointer->text);
    *pointer = (struct json_pointer){0};
}

void json_cursor_init(struct json_cursor *cursor,
                      const struct json_pointer *pointer)
{
    cursor->pointer = pointer;
    cursor->open = 0;
    cursor->key_matches = false;
}

void json_cursor_key(struct json_cursor *cursor, size_t depth, const char *name,
                     size_t size)
{
    if (cursor->open != depth) {
        return;
    }
    const struct json_segment *segment = &cursor->pointer->segments[depth - 1];
    cursor->key_matches =
        segment->size == size && memcmp(segment->name, name, size) == 0;
}

/* True if the first depth segments of the pointer lead to this value. */
static bool value_is_on_way(struct json_cursor *cursor, size_t depth)
{
    if (depth == 0) {
        return true;
    }
    if (cursor->open != depth) {
        return false;
    }
    if (cursor->index[depth - 1] == SIZE_MAX) {
        return cursor->key_matches;
    }
    return cursor->index[depth - 1]++ ==
           cursor->pointer->segments[depth - 1].index;
}

bool json_cursor_value(struct json_cursor *cursor, size_t depth,
                       enum json_kind kind)
{
    if (!value_is_on_way(cursor, depth)) {
        return false;
    }
    if (depth == cursor->pointer->count) {
        return true;
    }
    if (kind == JSON_MAP || kind == JSON_ARRAY) {
        cursor->open = depth + 1;
        cursor->index[depth] = kind == JSON_MAP ? SIZE_MAX : 0;
    }
    return false;
}

void json_cursor_close(struct json_cursor *cursor, size_t depth)
{
    if (cursor->open > depth) {
        cursor->open = depth;
    }
}
