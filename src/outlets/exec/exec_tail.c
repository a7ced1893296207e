#include "outlets/exec/exec_tail.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void exec_tail_add(struct exec_tail *tail, const char *bytes, size_t size)
{
    size_t kept = tail->size;

    if (size > EXEC_TAIL_SIZE) {
        tail->dropped += size - EXEC_TAIL_SIZE;
        bytes += size - EXEC_TAIL_SIZE;
        size = EXEC_TAIL_SIZE;
    }
    if (kept + size > EXEC_TAIL_SIZE) {
        size_t excess = kept + size - EXEC_TAIL_SIZE;

        tail->dropped += excess;
        kept -= excess;
        memmove(tail->bytes, tail->bytes + excess, kept);
    }
    memcpy(tail->bytes + kept, bytes, size);
    tail->size = kept + size;
}

static bool is_end_of_line(char c)
{
    return c == '\n' || c == '\r';
}

/* Drops a first line that is not whole, unless it is the only one. */
static size_t begin_of(const struct exec_tail *tail, size_t end)
{
    const char *newline =
        tail->dropped > 0 ? memchr(tail->bytes, '\n', end) : NULL;

    return newline != NULL ? (size_t)(newline - tail->bytes) + 1 : 0;
}

/* Bytes of UTF-8 are left to reason_set(), which checks them. */
static char *byte_put(char *out, char c)
{
    if (c == '\n') {
        return stpcpy(out, " | ");
    }
    if (c == '\t') {
        c = ' ';
    }
    if ((unsigned char)c < ' ' || c == 0x7f) {
        return out + sprintf(out, "\\x%02x", (unsigned)(unsigned char)c);
    }
    *out++ = c;
    return out;
}

const char *exec_tail_text(const struct exec_tail *tail,
                           char text[EXEC_TAIL_TEXT_SIZE])
{
    char *out = text;
    size_t end = tail->size;
    size_t begin;

    while (end > 0 && (is_end_of_line(tail->bytes[end - 1]) ||
                       tail->bytes[end - 1] == ' ')) {
        end--;
    }
    begin = begin_of(tail, end);
    while (begin < end && is_end_of_line(tail->bytes[begin])) {
        begin++;
    }
    for (size_t i = begin; i < end; i++) {
        bool is_crlf = tail->bytes[i] == '\r' && tail->bytes[i + 1] == '\n';

        out = is_crlf ? out : byte_put(out, tail->bytes[i]);
    }
    *out = '\0';
    return text;
}
