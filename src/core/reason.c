#include "core/reason.h"

#include <stdarg.h>
#include <stdio.h>

int reason_set(struct reason *why, int error, const char *format, ...)
{
    if (why == NULL) {
        return error;
    }
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    if (size < 0) {
        why->text[0] = '\0';
    }
    for (char *c = why->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
    }
    return error;
}
