#include "sim/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

void sim_buffer_free(struct sim_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct sim_buffer){0};
}

char *sim_buffer_reserve(struct sim_buffer *buffer, size_t size)
{
    sim_reserve((void **)&buffer->bytes, &buffer->capacity, buffer->size + size,
                1);
    return buffer->bytes + buffer->size;
}

void sim_buffer_add(struct sim_buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    memcpy(sim_buffer_reserve(buffer, size), bytes, size);
    buffer->size += size;
}

void sim_buffer_text(struct sim_buffer *buffer, const char *text)
{
    sim_buffer_add(buffer, text, strlen(text));
}

void sim_buffer_format(struct sim_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    /* False positive of clang-tidy 14: it recognises va_start() only in the
     * first file of a run.
     * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size > 0) {
        char *end = sim_buffer_reserve(buffer, (size_t)size + 1);
        vsnprintf(end, (size_t)size + 1, format, again);
        buffer->size += (size_t)size;
    }
    va_end(again);
    va_end(arguments);
}

void sim_buffer_consume(struct sim_buffer *buffer, size_t size)
{
    if (size < buffer->size) {
        memmove(buffer->bytes, buffer->bytes + size, buffer->size - size);
        buffer->size -= size;
    } else {
        buffer->size = 0;
    }
}

static void json_escape(struct sim_buffer *buffer, unsigned char c)
{
    switch (c) {
    case '"':
        sim_buffer_text(buffer, "\\\"");
        break;
    case '\\':
        sim_buffer_text(buffer, "\\\\");
        break;
    case '\n':
        sim_buffer_text(buffer, "\\n");
        break;
    case '\r':
        sim_buffer_text(buffer, "\\r");
        break;
    case '\t':
        sim_buffer_text(buffer, "\\t");
        break;
    default:
        sim_buffer_format(buffer, "\\u%04x", c);
        break;
    }
}

void sim_buffer_json(struct sim_buffer *buffer, const char *text, size_t size)
{
    sim_buffer_text(buffer, "\"");
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
            continue;
        }
        sim_buffer_add(buffer, text + start, i - start);
        json_escape(buffer, c);
        start = i + 1;
    }
    sim_buffer_add(buffer, text + start, size - start);
    sim_buffer_text(buffer, "\"");
}

void sim_buffer_json_pair(struct sim_buffer *buffer, const char *name,
                          const char *text)
{
    sim_buffer_format(buffer, "\"%s\":", name);
    sim_buffer_json(buffer, text, strlen(text));
}

void sim_buffer_xml(struct sim_buffer *buffer, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        switch (text[i]) {
        case '&':
            sim_buffer_text(buffer, "&amp;");
            break;
        case '<':
            sim_buffer_text(buffer, "&lt;");
            break;
        case '>':
            sim_buffer_text(buffer, "&gt;");
            break;
        case '"':
            sim_buffer_text(buffer, "&quot;");
            break;
        default:
            sim_buffer_add(buffer, text + i, 1);
            break;
        }
    }
}
