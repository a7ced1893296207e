#include "core/glob.h"

#include <string.h>

bool glob_is_valid(const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '\\') {
            pattern++;
            if (*pattern == '\0' || strchr("*?\\", *pattern) == NULL) {
                return false;
            }
        }
    }
    return true;
}

/* The bytes of the character that begins here. */
static size_t character_size(const char *text, const char *end)
{
    size_t size = 1;
    while (text + size < end && ((unsigned char)text[size] & 0xC0) == 0x80) {
        size++;
    }
    return size;
}

/* Matches the first element of the pattern, which is no '*', with the beginning
 * of the text, which is not empty. Advances both past it if they match. */
static bool element_matches(const char **pattern, const char **text,
                            const char *end)
{
    const char *from = *pattern;
    if (*from == '?') {
        *pattern = from + 1;
        *text += character_size(*text, end);
        return true;
    }
    from += *from == '\\';
    if (*from == '\0' || *from != **text) {
        return false;
    }
    *pattern = from + 1;
    (*text)++;
    return true;
}

/* A '*' at first stands for nothing. Where the rest does not match, the last
 * one takes one more character; those before it need never change. */
bool glob_matches(const char *pattern, const char *text, size_t size)
{
    const char *end = text + size;
    const char *after_star = NULL; /* the pattern behind the last '*' */
    const char *retry = NULL;      /* the text behind what it stands for */
    for (;;) {
        if (*pattern == '*') {
            after_star = ++pattern;
            retry = text;
        } else if (text == end && *pattern == '\0') {
            return true;
        } else if (text < end && element_matches(&pattern, &text, end)) {
            continue;
        } else if (after_star != NULL && retry < end) {
            retry += character_size(retry, end);
            pattern = after_star;
            text = retry;
        } else {
            return false;
        }
    }
}
