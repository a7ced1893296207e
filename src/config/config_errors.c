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

bool config_place_is_before(struct config_place a, struct config_place b)
{
    return a.file != b.file   ? a.file < b.file
           : a.line != b.line ? a.line < b.line
                              : a.column < b.column;
}

const char *config_place_path(const struct config *config,
                              struct config_place place)
{
    return config->files[place.file].path;
}

const char *config_place_show(const struct config *config,
                              struct config_place from,
                              struct config_place place,
                              char text[CONFIG_PLACE_SIZE])
{
    char path[CONFIG_SHOW_SIZE];
    if (from.file == place.file) {
        snprintf(text, CONFIG_PLACE_SIZE, "line %" PRIu32, place.line);
    } else {
        snprintf(text, CONFIG_PLACE_SIZE, "%s:%" PRIu32 ":%u",
                 config_show(config_place_path(config, place), path),
                 place.line, place.column);
    }
    return text;
}

__attribute__((format(printf, 1, 0))) static char *text_make(const char *format,
                                                             va_list arguments)
{
    char *text;
    if (vasprintf(&text, format, arguments) < 0) {
        return NULL;
    }
    for (char *c = text; *c != '\0'; c++) {
        *c = shown(*c);
    }
    return text;
}

/* Inserts it after earlier ones at the same position. Takes text. */
static void list_insert(struct config_errors *errors, struct config_place place,
                        char *text)
{
    int i = errors->count - 1;
    for (; i > 0 && config_place_is_before(place, errors->list[i - 1].place);
         i--) {
        errors->list[i] = errors->list[i - 1];
    }
    errors->list[i] = (struct config_error){place, text};
}

static void confine(struct config_errors *errors, struct config_place place,
                    const char *text)
{
    struct config_confined *confined = NULL;
    char *copy = text != NULL ? strdup(text) : NULL;
    if (copy != NULL) {
        confined = list_add(&errors->confined);
    }
    if (confined == NULL) {
        free(copy);
        errors->has_no_memory = true;
        return;
    }
    confined->scope = errors->scope;
    confined->error = (struct config_error){place, copy};
}

int config_errors_add(struct config_errors *errors, struct config_place place,
                      const char *format, ...)
{
    bool is_listed = errors->count++ < CONFIG_ERRORS_MAX;
    bool is_confined = errors->scope.kind != CONFIG_SCOPE_FILE;
    bool is_kept = is_confined && errors->keeps_confined;
    va_list arguments;
    errors->file_count += !is_confined;
    if (!is_listed && !is_kept) {
        return -1;
    }
    va_start(arguments, format);
    char *text = text_make(format, arguments);
    va_end(arguments);
    if (is_kept) {
        confine(errors, place, text);
    }
    if (is_listed) {
        list_insert(errors, place, text);
    } else {
        free(text);
    }
    return -1;
}

void config_errors_share(struct config_errors *errors,
                         struct config_scope scope)
{
    if (errors->confined.count > 0) {
        struct config_confined *newest =
            list_at(&errors->confined, errors->confined.count - 1);
        newest->other = scope;
    }
}

void config_errors_clear(struct config_errors *errors)
{
    for (int i = 0; i < errors->count && i < CONFIG_ERRORS_MAX; i++) {
        free(errors->list[i].text);
    }
    for (size_t i = 0; i < errors->confined.count; i++) {
        const struct config_confined *confined = list_at(&errors->confined, i);
        free(confined->error.text);
    }
    list_free(&errors->confined);
    errors->count = 0;
    errors->file_count = 0;
}

int config_errors_end(struct config_errors *errors, const struct config *config,
                      FILE *file)
{
    int count = errors->count;
    for (int i = 0; i < count && i < CONFIG_ERRORS_MAX; i++) {
        const struct config_error *error = &errors->list[i];
        fprintf(file, "%s:", config_place_path(config, error->place));
        if (error->place.line > 0) {
            fprintf(file, "%" PRIu32 ":%u:", error->place.line,
                    error->place.column);
        }
        fprintf(file, " %s\n", error->text ? error->text : "out of memory");
    }
    if (count > CONFIG_ERRORS_MAX) {
        fprintf(file, "%s: and %d more\n", config->path,
                count - CONFIG_ERRORS_MAX);
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
