#include "config/option_compare.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

void option_names_add(struct option_names *names, const char *name)
{
    size_t room = sizeof names->text - names->size;
    int size = snprintf(names->text + names->size, room, "%s%s",
                        names->size == 0 ? "" : ", ", name);
    if (size > 0 && (size_t)size < room) {
        names->size += (size_t)size;
    } else {
        names->text[names->size] = '\0';
    }
}

static bool text_equals(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool list_equals(const char *const *a, const char *const *b)
{
    size_t i = 0;
    if (a == NULL || b == NULL) {
        return a == b;
    }
    while (a[i] != NULL && text_equals(a[i], b[i])) {
        i++;
    }
    return a[i] == NULL && b[i] == NULL;
}

bool option_value_equals(const struct option_row *row, const void *a,
                         const void *b)
{
    const void *first = (const char *)a + row->offset;
    const void *second = (const char *)b + row->offset;
    switch (row->value) {
    case OPTION_BOOL:
        return *(const bool *)first == *(const bool *)second;
    case OPTION_COUNT_32:
        return *(const unsigned *)first == *(const unsigned *)second;
    case OPTION_DURATION:
        return *(const uint64_t *)first == *(const uint64_t *)second;
    case OPTION_SIZE:
        return *(const size_t *)first == *(const size_t *)second;
    case OPTION_CHOICE:
        return *(const int *)first == *(const int *)second;
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_PATH:
    case OPTION_FOLDER:
    case OPTION_FILE:
    case OPTION_PRIVATE_FILE:
        return text_equals(*(const char *const *)first,
                           *(const char *const *)second);
    case OPTION_TEXT_LIST:
        return list_equals(*(const char *const *const *)first,
                           *(const char *const *const *)second);
    case OPTION_REFERENCE:
    case OPTION_GROUP:
        break;
    }
    return true;
}

bool option_table_equals(const struct option_table *table, const void *a,
                         const void *b, struct option_names *names)
{
    bool is_equal = true;
    for (size_t i = 0; i < table->count; i++) {
        if (option_value_equals(&table->rows[i], a, b)) {
            continue;
        }
        is_equal = false;
        if (names == NULL) {
            break;
        }
        option_names_add(names, table->rows[i].name);
    }
    return is_equal;
}

/* NULL and "" differ. */
static void text_write(const char *text, FILE *file)
{
    if (text != NULL) {
        fprintf(file, "\"%s", text);
    }
}

void option_path_write(const char *path, const char *base, FILE *file)
{
    const char *slash = strrchr(base, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash + 1 - base);
    bool is_inside = path != NULL && strncmp(path, base, size) == 0;
    text_write(is_inside ? path + size : path, file);
}

static void list_write(const char *const *list, FILE *file)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        fprintf(file, "\"%s%c", list[i], '\0');
    }
}

static void value_write(const struct option_row *row, const void *values,
                        const char *base, FILE *file)
{
    const void *value = (const char *)values + row->offset;
    switch (row->value) {
    case OPTION_BOOL:
        fprintf(file, "%d", *(const bool *)value);
        break;
    case OPTION_COUNT_32:
        fprintf(file, "%u", *(const unsigned *)value);
        break;
    case OPTION_DURATION:
        fprintf(file, "%" PRIu64, *(const uint64_t *)value);
        break;
    case OPTION_SIZE:
        fprintf(file, "%zu", *(const size_t *)value);
        break;
    case OPTION_CHOICE:
        fprintf(file, "%d", *(const int *)value);
        break;
    case OPTION_TEXT:
        text_write(*(const char *const *)value, file);
        break;
    case OPTION_PATH:
    case OPTION_FOLDER:
    case OPTION_FILE:
    case OPTION_PRIVATE_FILE:
        option_path_write(*(const char *const *)value, base, file);
        break;
    case OPTION_TEXT_LIST:
        list_write(*(const char *const *const *)value, file);
        break;
    case OPTION_SECRET:
    case OPTION_REFERENCE:
    case OPTION_GROUP:
        break;
    }
}

void option_table_write(const struct option_table *table, const void *values,
                        const char *base, FILE *file)
{
    for (size_t i = 0; i < table->count; i++) {
        fprintf(file, "%s=", table->rows[i].name);
        value_write(&table->rows[i], values, base, file);
        fputc('\0', file);
    }
}
