#include "sinks/inbox_value.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* -- Text or not ---------------------------------------------------------- */

/* True if the eight bytes are all of 0x01 to 0x7f. */
static bool word_is_ascii(uint64_t word)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t low = UINT64_C(0x0101010101010101);

    return ((word | (word - low)) & high) == 0;
}

/* Length of the UTF-8 sequence at the start, 0 if it is none. NUL is none. */
static size_t utf8_sequence_size(const unsigned char *data, size_t size)
{
    unsigned char first = data[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;

    if (first < 0x80) {
        return first != 0 ? 1 : 0;
    } else if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        low = first == 0xe0 ? 0xa0 : low;   /* no overlong forms */
        high = first == 0xed ? 0x9f : high; /* no surrogates */
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high; /* none past U+10FFFF */
    } else {
        return 0;
    }
    if (size < length || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool bytes_are_text(const char *bytes, size_t size)
{
    const unsigned char *data = (const unsigned char *)bytes;
    size_t length;
    uint64_t word;

    while (size > 0) {
        if (size >= sizeof(word)) {
            memcpy(&word, data, sizeof(word));
            if (word_is_ascii(word)) {
                data += sizeof(word);
                size -= sizeof(word);
                continue;
            }
        }
        length = utf8_sequence_size(data, size);
        if (length == 0) {
            return false;
        }
        data += length;
        size -= length;
    }
    return true;
}

int inbox_bind_bytes(sqlite3_stmt *statement, int index,
                     struct haplo_slice bytes)
{
    /* SQLite takes a null pointer for NULL, not for empty. */
    const char *data = bytes.size > 0 ? bytes.data : "";

    if (bytes_are_text(data, bytes.size)) {
        return sqlite3_bind_text64(statement, index, data, bytes.size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
    return sqlite3_bind_blob64(statement, index, data, bytes.size,
                               SQLITE_STATIC);
}

/* -- JSON strings with escapes -------------------------------------------- */

/* The value of four hexadecimal digits, or -1. */
static int32_t hex_value(const char *digits)
{
    int32_t value = 0;

    for (size_t i = 0; i < 4; i++) {
        char c = digits[i];

        value *= 16;
        if (c >= '0' && c <= '9') {
            value += c - '0';
        } else if (c >= 'a' && c <= 'f') {
            value += c - 'a' + 10;
        } else if (c >= 'A' && c <= 'F') {
            value += c - 'A' + 10;
        } else {
            return -1;
        }
    }
    return value;
}

static size_t utf8_write(uint32_t point, char *out)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | (point >> 6));
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | (point >> 12));
        out[1] = (char)(0x80 | ((point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (point >> 18));
    out[1] = (char)(0x80 | ((point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* Reads \uXXXX, or a pair of them, at in: what it took of it, or 0 if that is
 * no character that text can hold (NUL, half a pair). */
static size_t unicode_escape(const char *in, size_t size, uint32_t *point)
{
    int32_t first;
    int32_t second;

    if (size < 6) {
        return 0;
    }
    first = hex_value(in + 2);
    if (first <= 0 || (first >= 0xdc00 && first <= 0xdfff)) {
        return 0;
    }
    *point = (uint32_t)first;
    if (first < 0xd800 || first > 0xdbff) {
        return 6;
    }
    if (size < 12 || in[6] != '\\' || in[7] != 'u') {
        return 0;
    }
    second = hex_value(in + 8);
    if (second < 0xdc00 || second > 0xdfff) {
        return 0;
    }
    *point = 0x10000 + (((uint32_t)first - 0xd800) << 10) +
             ((uint32_t)second - 0xdc00);
    return 12;
}

/* Decodes the inside of a JSON string; out is as large as it. False if it
 * cannot be text. */
static bool string_decode(const char *in, size_t size, char *out,
                          size_t *out_size)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *end = in + size;
    char *start = out;
    const char *escape;
    uint32_t point;
    size_t taken;

    while (in < end) {
        if (*in != '\\') {
            *out++ = *in++;
            continue;
        }
        if (end - in < 2) {
            return false;
        }
        if (in[1] == 'u') {
            taken = unicode_escape(in, (size_t)(end - in), &point);
            if (taken == 0) {
                return false;
            }
            out += utf8_write(point, out);
            in += taken;
            continue;
        }
        escape = in[1] != '\0' ? strchr(escapes, in[1]) : NULL;
        if (escape == NULL) {
            return false;
        }
        *out++ = meanings[escape - escapes];
        in += 2;
    }
    *out_size = (size_t)(out - start);
    return true;
}

/* -- JSON values ---------------------------------------------------------- */

/* True for an integer of 64 bits. "-0" is not the same as 0, and stays. */
static bool value_is_integer(struct haplo_slice value, int64_t *number)
{
    bool negative = value.data[0] == '-';
    size_t i = negative ? 1 : 0;
    int64_t total = 0;

    if (i == value.size || (negative && value.data[i] == '0')) {
        return false;
    }
    for (; i < value.size; i++) {
        int digit = value.data[i] - '0';

        if (digit < 0 || digit > 9 ||
            __builtin_mul_overflow(total, INT64_C(10), &total) ||
            __builtin_add_overflow(total, negative ? -digit : digit, &total)) {
            return false;
        }
    }
    *number = total;
    return true;
}

static int bind_string(sqlite3_stmt *statement, int index,
                       struct haplo_slice value, char *decoded)
{
    struct haplo_slice inside = {value.data + 1, value.size - 2};
    struct haplo_slice text = {decoded, 0};

    if (inside.size == 0 || memchr(inside.data, '\\', inside.size) == NULL) {
        return inbox_bind_bytes(statement, index, inside);
    }
    if (inside.size <= INBOX_DECODED_SIZE_MAX &&
        string_decode(inside.data, inside.size, decoded, &text.size)) {
        return inbox_bind_bytes(statement, index, text);
    }
    return inbox_bind_bytes(statement, index, value);
}

int inbox_bind_json(sqlite3_stmt *statement, int index,
                    struct haplo_slice value, char *decoded)
{
    int64_t number;

    if (value.size == 0) {
        return sqlite3_bind_null(statement, index);
    }
    if (value.size >= 2 && value.data[0] == '"' &&
        value.data[value.size - 1] == '"') {
        return bind_string(statement, index, value, decoded);
    }
    if (value_is_integer(value, &number)) {
        return sqlite3_bind_int64(statement, index, number);
    }
    return inbox_bind_bytes(statement, index, value);
}
