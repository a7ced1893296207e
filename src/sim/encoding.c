#include "sim/encoding.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void sim_base64_encode(struct sim_buffer *to, const char *bytes, size_t size)
{
    const unsigned char *in = (const unsigned char *)bytes;
    char *out = sim_buffer_reserve(to, (size + 2) / 3 * 4);
    for (size_t i = 0; i < size; i += 3) {
        uint32_t left = (uint32_t)(size - i);
        uint32_t group = (uint32_t)in[i] << 16;
        group |= left > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)in[i + 2] : 0;
        *out++ = alphabet[group >> 18];
        *out++ = alphabet[(group >> 12) & 63];
        *out++ = left > 1 ? alphabet[(group >> 6) & 63] : '=';
        *out++ = left > 2 ? alphabet[group & 63] : '=';
    }
    to->size += (size + 2) / 3 * 4;
}

static size_t base64_without_padding(const char *text, size_t size)
{
    size_t padding = 0;
    while (padding < 2 && size > padding && text[size - padding - 1] == '=') {
        padding++;
    }
    /* Padding, if present, must complete the last group of four. */
    return padding > 0 && size % 4 != 0 ? SIZE_MAX : size - padding;
}

bool sim_base64_decode(struct sim_buffer *to, const char *text, size_t size)
{
    size = base64_without_padding(text, size);
    if (size == SIZE_MAX || size % 4 == 1) {
        return false;
    }
    uint32_t bits = 0;
    int bit_count = 0;
    for (size_t i = 0; i < size; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);
        if (at == NULL) {
            return false;
        }
        bits = (bits << 6) | (uint32_t)(at - alphabet);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            char byte = (char)(unsigned char)(bits >> bit_count);
            sim_buffer_add(to, &byte, 1);
        }
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void form_decode(struct sim_buffer *to, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
            hex_value(text[i + 2]) >= 0) {
            c = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        sim_buffer_add(to, &c, 1);
    }
}

bool sim_form_find(struct sim_buffer *to, const char *form, size_t size,
                   const char *name)
{
    size_t name_size = strlen(name);
    const char *end = form + size;
    while (form < end) {
        const char *stop = memchr(form, '&', (size_t)(end - form));
        stop = stop == NULL ? end : stop;
        size_t field_size = (size_t)(stop - form);
        if (field_size > name_size && form[name_size] == '=' &&
            memcmp(form, name, name_size) == 0) {
            form_decode(to, form + name_size + 1, field_size - name_size - 1);
            return true;
        }
        form = stop + 1;
    }
    return false;
}
