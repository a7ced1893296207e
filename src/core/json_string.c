#include "core/json_string.h"

#include <string.h>

#define REPLACEMENT_CHARACTER 0xFFFD

/* The value of the four hex digits of "\uXXXX", which have been validated. */
static unsigned escape_value(const char *digits)
{
    unsigned value = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned digit = (unsigned char)digits[i];
        value = value << 4 |
                (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

/* Reads the character of the escape "\uXXXX" at *at, or of two that are a
 * surrogate pair, and advances *at past it. Half a pair is returned as it
 * is. */
static unsigned unicode_read(const char **at, const char *end)
{
    unsigned high = escape_value(*at + 2);
    *at += 6;
    if ((high & 0xFC00) != 0xD800 || end - *at < 6 || (*at)[0] != '\\' ||
        (*at)[1] != 'u') {
        return high;
    }
    unsigned low = escape_value(*at + 2);
    if ((low & 0xFC00) != 0xDC00) {
        return high;
    }
    *at += 6;
    return 0x10000 + ((high & 0x3FF) << 10) + (low & 0x3FF);
}

static bool is_surrogate(unsigned character)
{
    return (character & 0xFFFFF800) == 0xD800;
}

bool json_string_is_sound(const char *text, size_t size)
{
    const char *end = text + size;
    while ((text = memchr(text, '\\', (size_t)(end - text))) != NULL) {
        if (text[1] != 'u') {
            text += 2;
        } else if (is_surrogate(unicode_read(&text, end))) {
            return false;
        }
    }
    return true;
}

/* The character of a short escape, such as 'n'. */
static char short_escape(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter; /* '"', '\\' and '/' */
    }
}

static char *utf8_write(char *to, unsigned character)
{
    if (character < 0x80) {
        *to++ = (char)character;
        return to;
    }
    if (character < 0x800) {
        *to++ = (char)(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            *to++ = (char)(0xE0 | character >> 12);
        } else {
            *to++ = (char)(0xF0 | character >> 18);
            *to++ = (char)(0x80 | (character >> 12 & 0x3F));
        }
        *to++ = (char)(0x80 | (character >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (character & 0x3F));
    return to;
}

size_t json_string_decode(const char *text, size_t size, char *to)
{
    const char *end = text + size;
    char *out = to;
    while (text < end) {
        const char *escape = memchr(text, '\\', (size_t)(end - text));
        size_t plain = (size_t)((escape != NULL ? escape : end) - text);
        memcpy(out, text, plain);
        out += plain;
        text += plain;
        if (escape == NULL) {
            break;
        }
        if (text[1] == 'u') {
            unsigned character = unicode_read(&text, end);
            out =
                utf8_write(out, is_surrogate(character) ? REPLACEMENT_CHARACTER
                                                        : character);
        } else {
            *out++ = short_escape(text[1]);
            text += 2;
        }
    }
    return (size_t)(out - to);
}
