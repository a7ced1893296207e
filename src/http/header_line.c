#include "http/header_line.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_blank_or_end(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/* A line that begins with white space continues the previous one, which has
 * been acted upon by then. And some programs take "Name :" for that header,
 * others do not (RFC 9112, 5.1 and 5.2). */
static const char *fault_find(const char *line, const char *colon)
{
    if (is_blank(line[0])) {
        return "a header that is folded over several lines";
    }
    if (colon == NULL) {
        return "a header without a colon";
    }
    if (colon == line) {
        return "a header without a name";
    }
    return is_blank(colon[-1]) ? "a header whose name ends with a space" : NULL;
}

struct header_line header_line_read(const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    struct header_line header = {.fault = fault_find(line, colon)};
    if (header.fault != NULL) {
        return header;
    }
    const char *begin = colon + 1;
    const char *end = line + size;
    while (end > begin && is_blank_or_end(end[-1])) {
        end--;
    }
    while (begin < end && is_blank(*begin)) {
        begin++;
    }
    header.name = line;
    header.name_size = (size_t)(colon - line);
    header.value = begin;
    header.value_size = (size_t)(end - begin);
    return header;
}

/* RFC 9110, 5.6.2: a token. */
bool header_line_has_valid_name(const struct header_line *header)
{
    for (size_t i = 0; i < header->name_size; i++) {
        char c = header->name[i];
        bool is_valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') ||
                        (c != '\0' && strchr("-_!#$%&'*+.^`|~", c) != NULL);
        if (!is_valid) {
            return false;
        }
    }
    return header->name_size > 0;
}
