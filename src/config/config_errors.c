#include "config/config_errors.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static char shown(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

int config_errors_add(struct config_errors *errors, int line,
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
    /* After those of the same line, which came first. */
    int i = errors->count - 1;
    for (; i > 0 && errors->list[i - 1].line > line; i--) {
        errors->list[i] = errors->list[i - 1];
    }
    errors->list[i] = (struct config_error){line, text};
    return -1;
}

int config_errors_end(struct config_errors *errors, const char *path,
                      FILE *file)
{
    for (int i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
        const struct config_error *error = &errors->list[i];
        fprintf(file, "%s:", path);
        if (error->line > 0) {
            fprintf(file, "%d:", error->line);
        }
        fprintf(file, " %s\n", error->text ? error->text : "out of memory");
        free(error->text);
    }
    if (errors->count > CONFIG_ERRORS_MAX) {
        fprintf(file, "%s: and %d more\n", path,
                errors->count - CONFIG_ERRORS_MAX);
    }
    return errors->count;
}

/* Leaves room in text for "..." and two quotes. */
const char *config_show(const char *value, char text[CONFIG_SHOW_SIZE])
{
    size_t size = 0;
    while (value[size] != '\0' && size < CONFIG_SHOW_SIZE - 6) {
        text[size] = shown(value[size]);
        size++;
    }
    if (value[size] != '\0') {
        /* A UTF-8 character is not cut in two. */
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
    config_show(value, text);
    size_t size = strlen(text);
    memmove(text + 1, text, size);
    text[0] = '"';
    memcpy(text + 1 + size, "\"", 2);
    return text;
}
