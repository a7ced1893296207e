#include "base/reason.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

/* Length of a UTF-8 character, according to its first byte. */
static size_t size_announced(unsigned char first)
{
    return first < 0x80   ? 1
           : first < 0xC2 ? 0
           : first < 0xE0 ? 2
           : first < 0xF0 ? 3
           : first < 0xF5 ? 4
                          : 0;
}

/* Length of the character at text; 0 if it is not valid UTF-8 (RFC 3629, 4) or
 * a control character, which includes U+0080 to U+009F because terminals obey
 * them. Never reads past the terminating NUL. */
static size_t character_size(const unsigned char *text)
{
    size_t size = size_announced(text[0]);
    uint32_t point = size > 1 ? text[0] & (0x7Fu >> size) : text[0];
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3Fu);
    }
    if (point < 0x20 || (point >= 0x7F && point < 0xA0) ||
        (size == 3 && point < 0x800) || (size == 4 && point < 0x10000) ||
        (point >= 0xD800 && point <= 0xDFFF) || point > 0x10FFFF) {
        return 0;
    }
    return size;
}

/* Truncation may have cut a character, so this comes after it. */
static void print_clean(char *text, size_t size, const char *format,
                        va_list arguments)
{
    if (vsnprintf(text, size, format, arguments) < 0) {
        text[0] = '\0';
    }
    reason_clean(text);
}

void reason_clean(char *text)
{
    for (char *at = text; *at != '\0';) {
        size_t size = character_size((const unsigned char *)at);
        if (size == 0) {
            *at++ = '?';
        }
        at += size;
    }
}

int reason_set_list(struct reason *why, int error, const char *format,
                    va_list arguments)
{
    return reason_write_list(why != NULL ? why->text : NULL,
                             HAPLO_TEXT_SIZE_MAX, error, format, arguments);
}

int reason_set(struct reason *why, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)reason_set_list(why, error, format, arguments);
    va_end(arguments);
    return error;
}

int reason_write_list(char *why, size_t why_size, int error, const char *format,
                      va_list arguments)
{
    if (why != NULL && why_size > 0) {
        print_clean(why, why_size, format, arguments);
    }
    return error;
}

int reason_write(char *why, size_t why_size, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)reason_write_list(why, why_size, error, format, arguments);
    va_end(arguments);
    return error;
}
