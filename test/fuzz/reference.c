/*
 * JSON as RFC 8259 has it, but for what yajl takes besides: vertical tab and
 * form feed are white space, and UTF-8 is only looked at for its shape, so
 * that overlong forms and surrogates pass.
 */
#include "reference.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_reader.h"
#include "fuzz.h"

/* How far the way to a value leads along a pointer. */
struct way {
    bool version;  /* all its segments until here */
    bool token;    /* */
    bool messages; /* */
};

struct reading {
    struct reference_batch *batch;     /* */
    const struct fetch_format *format; /* */
    const char *text;                  /* */
    size_t size;                       /* */
    size_t at;                         /* next byte */
    size_t depth;                      /* containers open */
    unsigned version_count;            /* */
    unsigned token_count;              /* */
    unsigned messages_count;           /* */
    struct reference_message *message; /* that is open, or NULL */
    size_t message_depth;              /* of its members */
};

static bool value_read(struct reading *reading, struct way way,
                       bool is_element);

static bool peek(const struct reading *reading, char c)
{
    return reading->at < reading->size && reading->text[reading->at] == c;
}

static bool take(struct reading *reading, char c)
{
    bool is = peek(reading, c);
    reading->at += is;
    return is;
}

static void space_skip(struct reading *reading)
{
    while (peek(reading, ' ') || peek(reading, '\t') || peek(reading, '\n') ||
           peek(reading, '\r') || peek(reading, '\v') || peek(reading, '\f')) {
        reading->at++;
    }
}

/* Strings */

/* Bytes behind the first one of a character; -1: it is none. */
static int bytes_that_follow(unsigned char first)
{
    if (first < 0x20) {
        return -1;
    }
    return first < 0x80           ? 0
           : (first >> 5) == 0x06 ? 1
           : (first >> 4) == 0x0E ? 2
           : (first >> 3) == 0x1E ? 3
                                  : -1;
}

static bool character_take(struct reading *reading)
{
    int count = bytes_that_follow((unsigned char)reading->text[reading->at++]);
    for (int i = 0; i < count; i++) {
        if (reading->at == reading->size ||
            (reading->text[reading->at++] & 0xC0) != 0x80) {
            return false;
        }
    }
    return count >= 0;
}

static int digit_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four hexadecimal digits, or -1. */
static int32_t code_take(struct reading *reading)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = reading->at < reading->size
                        ? digit_value(reading->text[reading->at++])
                        : -1;
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

static bool escape_take(struct reading *reading)
{
    if (reading->at == reading->size) {
        return false;
    }
    char c = reading->text[reading->at++];
    return c == 'u' ? code_take(reading) >= 0
                    : c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
}

/* The slice has the quotes too. */
static bool string_take(struct reading *reading, struct reference_slice *slice)
{
    slice->begin = reading->at;
    if (!take(reading, '"')) {
        return false;
    }
    while (!take(reading, '"')) {
        if (reading->at == reading->size ||
            !(take(reading, '\\') ? escape_take(reading)
                                  : character_take(reading))) {
            return false;
        }
    }
    slice->end = reading->at;
    return true;
}

static size_t utf8_put(char *out, uint32_t point)
{
    size_t size = point < 0x80      ? 1
                  : point < 0x800   ? 2
                  : point < 0x10000 ? 3
                                    : 4;
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; point >>= 6) {
        out[i] = (char)(0x80 | (point & 0x3F));
    }
    out[0] = (char)(leads[size] | point);
    return size;
}

static char escape_meaning(char c)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    const char *letter = c != '\0' ? strchr(letters, c) : NULL;
    return letter != NULL ? meanings[letter - letters] : c;
}

/* Reads \uXXXX, or a pair of them, behind its backslash. False for half of a
 * pair. */
static bool code_decode(struct reading *inside, uint32_t *point)
{
    inside->at++;
    *point = (uint32_t)code_take(inside);
    if (*point < 0xD800 || *point > 0xDFFF) {
        return true;
    }
    if (*point > 0xDBFF || !take(inside, '\\') || !take(inside, 'u')) {
        return false;
    }
    uint32_t low = (uint32_t)code_take(inside);
    *point = 0x10000 + ((*point - 0xD800) << 10) + (low - 0xDC00);
    return low >= 0xDC00 && low <= 0xDFFF;
}

/* What a sound string says, to be freed; NULL if it holds half a pair. */
static char *string_decode(const struct reading *reading,
                           struct reference_slice slice, size_t *size)
{
    struct reading inside = {
        .text = reading->text, .at = slice.begin + 1, .size = slice.end - 1};
    char *text = malloc(slice.end - slice.begin);
    FUZZ_CHECK(text != NULL);
    *size = 0;
    while (inside.at < inside.size) {
        uint32_t point;
        if (!take(&inside, '\\')) {
            text[(*size)++] = inside.text[inside.at++];
        } else if (!peek(&inside, 'u')) {
            text[(*size)++] = escape_meaning(inside.text[inside.at++]);
        } else if (code_decode(&inside, &point)) {
            *size += utf8_put(text + *size, point);
        } else {
            free(text);
            return NULL;
        }
    }
    return text;
}

/* Values */

static bool digits_take(struct reading *reading)
{
    size_t start = reading->at;
    while (reading->at < reading->size && reading->text[reading->at] >= '0' &&
           reading->text[reading->at] <= '9') {
        reading->at++;
    }
    return reading->at > start;
}

static bool number_take(struct reading *reading)
{
    take(reading, '-');
    if (!take(reading, '0') && !digits_take(reading)) {
        return false;
    }
    if (take(reading, '.') && !digits_take(reading)) {
        return false;
    }
    if (take(reading, 'e') || take(reading, 'E')) {
        if (!take(reading, '+')) {
            take(reading, '-');
        }
        return digits_take(reading);
    }
    return true;
}

static bool word_take(struct reading *reading, const char *word)
{
    for (; *word != '\0'; word++) {
        if (!take(reading, *word)) {
            return false;
        }
    }
    return true;
}

static bool name_is(const char *name, size_t size, const char *expected)
{
    return name != NULL && size == strlen(expected) &&
           memcmp(name, expected, size) == 0;
}

static bool segment_is(const struct reading *reading, bool is_on_way,
                       const struct json_pointer *pointer, const char *name,
                       size_t size)
{
    size_t index = reading->depth - 1;
    return is_on_way && name != NULL && index < pointer->count &&
           pointer->segments[index].size == size &&
           memcmp(pointer->segments[index].name, name, size) == 0;
}

static void member_note(struct reading *reading, const char *name, size_t size,
                        struct reference_slice slice)
{
    if (reading->message == NULL || reading->depth != reading->message_depth) {
        return;
    }
    if (name_is(name, size, "id")) {
        reading->message->id = slice;
    } else if (name_is(name, size, "datetime")) {
        reading->message->datetime = slice;
    }
}

static bool member_read(struct reading *reading, struct way way)
{
    struct reference_slice slice;
    const struct fetch_format *format = reading->format;
    space_skip(reading);
    if (!string_take(reading, &slice)) {
        return false;
    }
    size_t size;
    char *name = string_decode(reading, slice, &size);
    way.version =
        segment_is(reading, way.version, &format->version, name, size);
    way.token = segment_is(reading, way.token, &format->token, name, size);
    way.messages =
        segment_is(reading, way.messages, &format->messages, name, size);
    space_skip(reading);
    bool is_good = take(reading, ':');
    space_skip(reading);
    slice.begin = reading->at;
    is_good = is_good && value_read(reading, way, false);
    slice.end = reading->at;
    member_note(reading, name, size, slice);
    free(name);
    return is_good;
}

static bool map_read(struct reading *reading, struct way way)
{
    space_skip(reading);
    if (take(reading, '}')) {
        return true;
    }
    do {
        if (!member_read(reading, way)) {
            return false;
        }
        space_skip(reading);
    } while (take(reading, ','));
    return take(reading, '}');
}

static bool element_read(struct reading *reading, struct way way)
{
    struct reference_batch *batch = reading->batch;
    struct reference_message *before = reading->message;
    size_t depth_before = reading->message_depth;
    FUZZ_CHECK(batch->message_count < REFERENCE_MESSAGE_COUNT_MAX);
    reading->message = &batch->messages[batch->message_count++];
    reading->message_depth = reading->depth + 1;
    *reading->message = (struct reference_message){.body.begin = reading->at};
    struct reference_message *message = reading->message;
    /* Members are those of a map: an array's elements have no names. */
    bool is_good = value_read(reading, way, true);
    message->body.end = reading->at;
    reading->message = before;
    reading->message_depth = depth_before;
    return is_good;
}

static bool index_is(const struct reading *reading, bool is_on_way,
                     const struct json_pointer *pointer, size_t index)
{
    size_t segment = reading->depth - 1;
    return is_on_way && segment < pointer->count &&
           pointer->segments[segment].index == index;
}

static bool array_read(struct reading *reading, struct way way, bool is_list)
{
    const struct fetch_format *format = reading->format;
    size_t index = 0;
    space_skip(reading);
    if (take(reading, ']')) {
        return true;
    }
    do {
        struct way inner = {
            index_is(reading, way.version, &format->version, index),
            index_is(reading, way.token, &format->token, index),
            index_is(reading, way.messages, &format->messages, index),
        };
        index++;
        space_skip(reading);
        if (!(is_list ? element_read(reading, inner)
                      : value_read(reading, inner, false))) {
            return false;
        }
        space_skip(reading);
    } while (take(reading, ','));
    return take(reading, ']');
}

static bool token_note(struct reading *reading, size_t start)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct reference_slice slice = {start, reading->at};
    size_t size = 0;
    char *token = reading->text[start] == '"'
                      ? string_decode(reading, slice, &size)
                      : NULL;
    if (token == NULL || reading->token_count++ > 0) {
        free(token);
        return false;
    }
    if (size > 0) {
        char *form = malloc(3 * size + 7);
        FUZZ_CHECK(form != NULL);
        char *out = form + sprintf(form, "token=");
        for (size_t i = 0; i < size; i++) {
            bool is_plain = token[i] != '\0' && strchr(plain, token[i]) != NULL;
            out += sprintf(out, is_plain ? "%c" : "%%%02X",
                           (unsigned char)token[i]);
        }
        reading->batch->form = form;
    }
    free(token);
    return true;
}

/* The value that begins at start is read: is it one that was looked for? */
static bool value_note(struct reading *reading, struct way way, size_t start)
{
    const struct fetch_format *format = reading->format;
    size_t depth = reading->depth;
    if (way.version && depth == format->version.count) {
        reading->version_count++;
        if (reading->at != start + 1 || reading->text[start] != '0') {
            return false;
        }
    }
    return !(way.token && depth == format->token.count) ||
           token_note(reading, start);
}

static bool container_read(struct reading *reading, struct way way, bool is_map,
                           bool is_list)
{
    if (reading->depth == JSON_READER_DEPTH_MAX) {
        return false;
    }
    reading->at++;
    reading->depth++;
    bool is_good =
        is_map ? map_read(reading, way) : array_read(reading, way, is_list);
    reading->depth--;
    return is_good;
}

static bool value_read(struct reading *reading, struct way way, bool is_element)
{
    size_t start = reading->at;
    bool is_map = peek(reading, '{');
    bool is_list =
        way.messages && reading->depth == reading->format->messages.count;
    if (is_element && reading->format->is_default_shape && !is_map) {
        return false;
    }
    if (is_list && (!peek(reading, '[') || reading->messages_count++ > 0)) {
        return false;
    }
    bool is_good;
    struct reference_slice slice;
    if (is_map || peek(reading, '[')) {
        is_good = container_read(reading, way, is_map, is_list);
    } else if (peek(reading, '"')) {
        is_good = string_take(reading, &slice);
    } else if (peek(reading, 't')) {
        is_good = word_take(reading, "true");
    } else if (peek(reading, 'f')) {
        is_good = word_take(reading, "false");
    } else if (peek(reading, 'n')) {
        is_good = word_take(reading, "null");
    } else {
        is_good = number_take(reading);
    }
    return is_good && value_note(reading, way, start);
}

bool reference_read(struct reference_batch *batch,
                    const struct fetch_format *format, const char *text,
                    size_t size)
{
    struct reading reading = {
        .batch = batch, .format = format, .text = text, .size = size};
    batch->message_count = 0;
    batch->form = NULL;
    space_skip(&reading);
    if (!value_read(&reading,
                    (struct way){format->is_default_shape, true, true},
                    false)) {
        return false;
    }
    space_skip(&reading);
    return reading.at == size &&
           (!format->is_default_shape || reading.version_count == 1) &&
           reading.token_count == 1 && reading.messages_count == 1 &&
           (batch->form == NULL) == (batch->message_count == 0);
}
