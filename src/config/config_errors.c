#include "config/config_errors.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/api_key.h"

static char shown(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

static bool is_before(struct config_place a, struct config_place b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

int config_errors_add(struct config_errors *errors, struct config_place place,
                      const char *format, ...)
{
    char *text;
    va_list arguments;
    if (errors->count++ >= CONFIG_ERRORS_MAX) {
        return -1;
    }
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
    }
    va_end(arguments);
    for (char *c = text; c != NULL && *c != '\0'; c++) {
        *c = shown(*c);
    }
    /* Inserts it after earlier ones at the same position. */
    int i = errors->count - 1;
    for (; i > 0 && is_before(place, errors->list[i - 1].place); i--) {
        errors->list[i] = errors->list[i - 1];
    }
    errors->list[i] = (struct config_error){place, text};
    return -1;
}

void config_errors_clear(struct config_errors *errors)
{
    for (int i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
        free(errors->list[i].text);
    }
    errors->count = 0;
}

int config_errors_end(struct config_errors *errors, const char *path,
                      FILE *file)
{
    int count = errors->count;
    for (int i = 0; i < count && i < CONFIG_ERRORS_MAX; i++) {
        const struct config_error *error = &errors->list[i];
        fprintf(file, "%s:", path);
        if (error->place.line > 0) {
            fprintf(file, "%" PRIu32 ":%" PRIu32 ":", error->place.line,
                    error->place.column);
        }
        fprintf(file, " %s\n", error->text ? error->text : "out of memory");
    }
    if (count > CONFIG_ERRORS_MAX) {
        fprintf(file, "%s: and %d more\n", path, count - CONFIG_ERRORS_MAX);
    }
    config_errors_clear(errors);
    return count;
}

/* Leaves room for "..." and two quotes. */
const char *config_show(const char *value, char text[CONFIG_SHOW_SIZE])
{
    size_t size = 0;
    while (value[size] != '\0' && size < CONFIG_SHOW_SIZE - 6) {
        text[size] = shown(value[size]);
        size++;
    }
    if (value[size] != '\0') {
        /* Do not split a UTF-8 character. */
        while (size > 0 && ((unsigned char)value[size] & 0xc0) == 0x80) {
            size--;
        }
        memcpy(text + size, "...", 3);
        size += 3;
    }
    text[size] = '\0';
    return text;
}

const char *config_quote(const char *value, char text[CONFIG_SHOW_SIZE])
{
    if (api_key_is_like(value)) {
        return strcpy(text, CONFIG_HIDDEN);
    }
    config_show(value, text);
    size_t size = strlen(text);
    memmove(text + 1, text, size);
    text[0] = '"';
    memcpy(text + 1 + size, "\"", 2);
    return text;
}
