#include "config/config_errors.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/key_shape.h"
#include "config/catalogue.h"

static char shown(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f ? '?' : c;
}

static bool is_warning(enum diagnostic_code code)
{
    const struct catalogue_entry *entry = catalogue_find(code);
    return entry != NULL && entry->is_warning;
}

bool config_place_is_before(struct config_place a, struct config_place b)
{
    return a.file != b.file   ? a.file < b.file
           : a.line != b.line ? a.line < b.line
                              : a.column < b.column;
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

/* Inserts it after earlier ones at the same position. Takes its text. */
static void list_insert(struct config_errors *errors, struct config_error error)
{
    int i = errors->listed++;
    for (; i > 0 &&
           config_place_is_before(error.place, errors->list[i - 1].place);
         i--) {
        errors->list[i] = errors->list[i - 1];
    }
    errors->list[i] = error;
}

static void confine(struct config_errors *errors,
                    const struct config_error *error)
{
    struct config_confined *confined = NULL;
    char *copy = error->text != NULL ? strdup(error->text) : NULL;
    if (copy != NULL) {
        confined = list_add(&errors->confined);
    }
    if (confined == NULL) {
        free(copy);
        errors->has_no_memory = true;
        return;
    }
    confined->scope = errors->scope;
    confined->error = *error;
    confined->error.text = copy;
}

int config_errors_add(struct config_errors *errors, enum diagnostic_code code,
                      struct config_place place, const char *format, ...)
{
    struct config_error error = {
        .code = code,
        .is_warning = !errors->is_strict && is_warning(code),
        .place = place,
    };
    bool is_listed = error.is_warning
                         ? errors->warning_count++ < CONFIG_WARNINGS_MAX
                         : errors->count++ < CONFIG_ERRORS_MAX;
    bool is_confined =
        !error.is_warning && errors->scope.kind != CONFIG_SCOPE_FILE;
    bool is_kept = is_confined && errors->keeps_confined;
    va_list arguments;
    errors->whole_count += !error.is_warning && !is_confined;
    if (is_listed || is_kept) {
        va_start(arguments, format);
        error.text = text_make(format, arguments);
        va_end(arguments);
    }
    if (is_kept) {
        confine(errors, &error);
    }
    if (is_listed) {
        list_insert(errors, error);
    } else {
        free(error.text);
    }
    return error.is_warning ? 0 : -1;
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

static void files_free(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->file_count; i++) {
        free((char *)errors->files[i].path);
    }
    free(errors->files);
    errors->files = NULL;
    errors->file_count = 0;
}

/* If memory runs out, all errors seem to be in the main file; but then there
 * is only one. */
void config_errors_name_files(struct config_errors *errors, const char *path,
                              const struct config *config)
{
    size_t count = config != NULL ? config->file_count : 0;
    errors->path = path;
    errors->files = count > 0 ? calloc(count, sizeof *errors->files) : NULL;
    for (size_t i = 0; errors->files != NULL && i < count; i++) {
        errors->files[i] = config->files[i];
        errors->files[i].path = strdup(config->files[i].path);
        if (errors->files[i].path == NULL) {
            files_free(errors);
            return;
        }
        errors->file_count++;
    }
}

void config_errors_clear(struct config_errors *errors)
{
    files_free(errors);
    for (int i = 0; i < errors->listed; i++) {
        free(errors->list[i].text);
    }
    for (size_t i = 0; i < errors->confined.count; i++) {
        const struct config_confined *confined = list_at(&errors->confined, i);
        free(confined->error.text);
    }
    list_free(&errors->confined);
    errors->listed = 0;
    errors->count = 0;
    errors->warning_count = 0;
    errors->whole_count = 0;
}

const char *config_errors_path(const struct config_errors *errors,
                               struct config_place place)
{
    return place.file < errors->file_count ? errors->files[place.file].path
                                           : errors->path;
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
