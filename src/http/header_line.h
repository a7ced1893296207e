/*
 * header_line.h - one header of a response's head: its name and its value, or
 * what is wrong with the line. Pure.
 */
#ifndef HTTP_HEADER_LINE_H
#define HTTP_HEADER_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Borrows from the line. */
struct header_line {
    const char *fault; /* static: "a header without a colon"; NULL: none */
    const char *name;  /* as sent */
    size_t name_size;  /* in bytes */
    const char *value; /* without the white space around it */
    size_t value_size; /* in bytes */
};

/* Reads a line of a head other than the status line; its line end may be
 * included. With a fault, only the fault is set. */
struct header_line header_line_read(const char *line, size_t size);

/* True if the name consists of the characters that a name may have. */
bool header_line_has_valid_name(const struct header_line *header);

/* Is this its name? Ignores case. Inline, as nearly all answers are no, because
 * of the length of a literal. */
static inline bool header_line_is(const struct header_line *header,
                                  const char *name)
{
    return header->name_size == strlen(name) &&
           strncasecmp(header->name, name, header->name_size) == 0;
}

/* Is this its value? Ignores case. */
static inline bool header_line_has(const struct header_line *header,
                                   const char *value)
{
    return header->value_size == strlen(value) &&
           strncasecmp(header->value, value, header->value_size) == 0;
}

/* The value as the precision and argument of "%.*s", so that a reason does not
 * get too long. */
#define HEADER_LINE_VALUE(header)                                 \
    (int)((header)->value_size < 60 ? (header)->value_size : 60), \
        (header)->value

#endif
