/*
 * json_elements.h - the elements of a JSON array, one after the other, as
 * slices of its text.
 */
#ifndef CORE_JSON_ELEMENTS_H
#define CORE_JSON_ELEMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/json_reader.h"

/* One element, as written. Returns false to stop. */
typedef bool (*json_element_cb)(void *data, const char *text, size_t size);

struct json_elements {
    struct json_reader reader;  /* events come from here */
    json_element_cb element_cb; /* see above */
    void *data;                 /* for element_cb */
    const char *text;           /* borrowed; the array */
    size_t before;              /* end of the previous JSON token */
    size_t start;               /* offset of the element that is open */
};

/* Calls element_cb for each element, until it returns false. Returns 0;
 * HAPLO_EDOCUMENT if the text is not an array, as far as it was read; or
 * HAPLO_ENOMEM. The struct need not be initialised, and owns nothing
 * afterwards. */
int json_elements_each(struct json_elements *elements, const char *text,
                       size_t size, json_element_cb element_cb, void *data);

#endif
