#include "config/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/catalogue_parts.h"

static const struct catalogue_entry *const parts[] = {
    catalogue_file, catalogue_options, catalogue_sense, catalogue_machine,
    catalogue_doctor};

#define PART_COUNT (sizeof parts / sizeof parts[0])

const struct catalogue_entry *catalogue_at(size_t index)
{
    for (size_t part = 0; part < PART_COUNT; part++) {
        const struct catalogue_entry *entry = parts[part];
        for (; entry->code != HP_NONE; entry++) {
            if (index-- == 0) {
                return entry;
            }
        }
    }
    return NULL;
}

const struct catalogue_entry *catalogue_find(enum diagnostic_code code)
{
    for (size_t part = 0; part < PART_COUNT; part++) {
        const struct catalogue_entry *entry = parts[part];
        for (; entry->code != HP_NONE; entry++) {
            if (entry->code == code) {
                return entry;
            }
        }
    }
    return NULL;
}

enum diagnostic_code code_parse(const char *text)
{
    const char *digits = text + (strncasecmp(text, "HP", 2) == 0 ? 2 : 0);
    size_t size = strlen(digits);
    if (size == 0 || size > 4 || strspn(digits, "0123456789") != size) {
        return HP_NONE;
    }
    return (enum diagnostic_code)strtoul(digits, NULL, 10);
}

const char *code_format(enum diagnostic_code code, char text[CODE_TEXT_SIZE])
{
    (void)snprintf(text, CODE_TEXT_SIZE, "HP%04u", (unsigned)code % 10000);
    return text;
}
