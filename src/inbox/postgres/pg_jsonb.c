/*
 * pg_jsonb.c - reads a message as strictly as PostgreSQL does, in one pass and
 * without recursion.
 */
#include "inbox/postgres/pg_jsonb.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SIZE_MAX_ALLOWED ((size_t)1 << 28) /* 256 MiB */
#define DEPTH_MAX 1000 /* its stack allows some 6,000 by default */

/* Also the highest exponent. The type numeric has 16,383 digits after the
 * point. */
#define DIGIT_COUNT_MAX 8000

/* What has been read, and what must follow. */
struct scan {
    const unsigned char *at;           /* next byte */
    const unsigned char *end;          /* of the message */
    size_t depth;                      /* maps and arrays open */
    uint8_t is_map[DEPTH_MAX / 8 + 1]; /* a bit for each of these */
};

/* UTF-8 */

/* Length of the character at `at` (RFC 3629, 4); 0 if it is none. */
static size_t character_size(const unsigned char *at, const unsigned char *end)
{
    size_t size = at[0] < 0x80   ? 1
                  : at[0] < 0xC2 ? 0
                  : at[0] < 0xE0 ? 2
                  : at[0] < 0xF0 ? 3
                  : at[0] < 0xF5 ? 4
                                 : 0;

    if (size == 0 || size > (size_t)(end - at)) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F)) {
        return 0; /* overlong, half a surrogate pair, or beyond U+10FFFF */
    }
    return size;
}

bool pg_text_can_hold(struct haplo_slice text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    const unsigned char *end = at + text.size;
    size_t size;

    for (; at < end; at += size) {
        size = *at != '\0' ? character_size(at, end) : 0;
        if (size == 0) {
            return false;
        }
    }
    return true;
}

/* Strings */

/* Reads four hexadecimal digits; -1 if they are none. */
static int read_hex(struct scan *scan)
{
    int value = 0;

    if (scan->end - scan->at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        unsigned char c = *scan->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* After "\u". */
static bool read_unicode(struct scan *scan)
{
    int unit = read_hex(scan);

    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) {
        return false;
    }
    if (unit < 0xD800 || unit > 0xDBFF) {
        return true;
    }
    if (scan->end - scan->at < 6 || scan->at[0] != '\\' || scan->at[1] != 'u') {
        return false;
    }
    scan->at += 2;
    unit = read_hex(scan);
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* After the opening quote. */
static bool read_string(struct scan *scan)
{
    size_t size;

    while (scan->at < scan->end && *scan->at != '"') {
        if (*scan->at == '\\') {
            scan->at++;
            if (scan->at == scan->end) {
                return false;
            }
            if (*scan->at == 'u') {
                scan->at++;
                if (!read_unicode(scan)) {
                    return false;
                }
                continue;
            }
            if (*scan->at == '\0' || strchr("\"\\/bfnrt", *scan->at) == NULL) {
                return false;
            }
            size = 1;
        } else {
            size = *scan->at >= ' ' ? character_size(scan->at, scan->end) : 0;
        }
        if (size == 0) {
            return false;
        }
        scan->at += size;
    }
    return scan->at++ < scan->end;
}

/* Numbers and words */

/* Counts digits and skips them. */
static size_t read_digits(struct scan *scan)
{
    const unsigned char *from = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9') {
        scan->at++;
    }
    return (size_t)(scan->at - from);
}

static bool is_next(const struct scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == (unsigned char)c;
}

static bool read_exponent(struct scan *scan)
{
    const unsigned char *from;
    size_t count;
    size_t value = 0;

    scan->at++;
    if (is_next(scan, '+') || is_next(scan, '-')) {
        scan->at++;
    }
    from = scan->at;
    count = read_digits(scan);
    for (size_t i = 0; i < count && value <= DIGIT_COUNT_MAX; i++) {
        value = value * 10 + (size_t)(from[i] - '0');
    }
    return count > 0 && value <= DIGIT_COUNT_MAX;
}

static bool read_number(struct scan *scan)
{
    bool is_zero;
    size_t count;

    if (is_next(scan, '-')) {
        scan->at++;
    }
    is_zero = is_next(scan, '0');
    count = read_digits(scan);
    if (count == 0 || count > DIGIT_COUNT_MAX || (is_zero && count > 1)) {
        return false;
    }
    if (is_next(scan, '.')) {
        scan->at++;
        count = read_digits(scan);
        if (count == 0 || count > DIGIT_COUNT_MAX) {
            return false;
        }
    }
    return (!is_next(scan, 'e') && !is_next(scan, 'E')) || read_exponent(scan);
}

static bool read_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(scan->end - scan->at) < size ||
        memcmp(scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

/* The document */

static void skip_space(struct scan *scan)
{
    while (is_next(scan, ' ') || is_next(scan, '\n') || is_next(scan, '\r') ||
           is_next(scan, '\t')) {
        scan->at++;
    }
}

static bool is_in_map(const struct scan *scan)
{
    size_t index = scan->depth - 1;

    return (scan->is_map[index / 8] >> index % 8 & 1) != 0;
}

static bool open_container(struct scan *scan, bool is_map)
{
    uint8_t bit = (uint8_t)(1u << scan->depth % 8);

    if (scan->depth == DEPTH_MAX) {
        return false;
    }
    if (is_map) {
        scan->is_map[scan->depth / 8] |= bit;
    } else {
        scan->is_map[scan->depth / 8] &= (uint8_t)~bit;
    }
    scan->depth++;
    scan->at++;
    return true;
}

static bool read_key(struct scan *scan)
{
    skip_space(scan);
    if (!is_next(scan, '"')) {
        return false;
    }
    scan->at++;
    if (!read_string(scan)) {
        return false;
    }
    skip_space(scan);
    return is_next(scan, ':') && scan->at++ != NULL;
}

/* Reads a string, a number or a word. */
static bool read_scalar(struct scan *scan)
{
    if (scan->at == scan->end) {
        return false;
    }
    switch (*scan->at) {
    case '"':
        scan->at++;
        return read_string(scan);
    case 't':
        return read_word(scan, "true");
    case 'f':
        return read_word(scan, "false");
    case 'n':
        return read_word(scan, "null");
    default:
        return read_number(scan);
    }
}

/* Reads what begins a value: a scalar, an empty map or array, or the beginning
 * of one that is not. Sets *is_open if that has begun. */
static bool read_value(struct scan *scan, bool *is_open)
{
    bool is_map;

    skip_space(scan);
    *is_open = false;
    is_map = is_next(scan, '{');
    if (!is_map && !is_next(scan, '[')) {
        return read_scalar(scan);
    }
    if (!open_container(scan, is_map)) {
        return false;
    }
    skip_space(scan);
    if (is_next(scan, is_map ? '}' : ']')) {
        scan->at++;
        scan->depth--;
        return true;
    }
    *is_open = true;
    return !is_map || read_key(scan);
}

/* After a value: closes what ends, and reads up to the next value. Sets
 * *is_end at the end of the document. */
static bool read_next(struct scan *scan, bool *is_end)
{
    bool is_map;

    skip_space(scan);
    while (scan->depth > 0 && is_next(scan, is_in_map(scan) ? '}' : ']')) {
        scan->depth--;
        scan->at++;
        skip_space(scan);
    }
    *is_end = scan->depth == 0;
    if (*is_end) {
        return scan->at == scan->end;
    }
    is_map = is_in_map(scan);
    if (!is_next(scan, ',')) {
        return false;
    }
    scan->at++;
    return !is_map || read_key(scan);
}

bool pg_jsonb_can_hold(struct haplo_slice body)
{
    struct scan scan = {.depth = 0};
    bool is_open;
    bool is_end = false;

    if (body.size >= SIZE_MAX_ALLOWED || body.size == 0) {
        return false;
    }
    scan.at = (const unsigned char *)body.data;
    scan.end = scan.at + body.size;
    while (!is_end) {
        do {
            if (!read_value(&scan, &is_open)) {
                return false;
            }
        } while (is_open);
        if (!read_next(&scan, &is_end)) {
            return false;
        }
    }
    return true;
}
