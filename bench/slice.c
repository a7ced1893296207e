#include "slice.h"

#include <string.h>

#include <yajl/yajl_parse.h>

#define DOCUMENT_DEPTH 1 /* inside the top-level object */
#define MESSAGES_DEPTH 2 /* inside the array of messages */

static bool is_key(const unsigned char *text, size_t size, const char *key)
{
    return size == strlen(key) && memcmp(text, key, size) == 0;
}

static void form_write(struct slicer *slicer, const unsigned char *token,
                       size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char name[] = {'t', 'o', 'k', 'e', 'n', '='};
    char *out = slicer->form;
    memcpy(out, name, sizeof name);
    out += sizeof name;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = token[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
            c == '~') {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = digits[c >> 4];
            *out++ = digits[c & 15];
        }
    }
    slicer->form_size = (size_t)(out - slicer->form);
}

static int on_key(void *data, const unsigned char *text, size_t size)
{
    struct slicer *slicer = data;
    if (slicer->depth == DOCUMENT_DEPTH) {
        slicer->is_token_next = is_key(text, size, "token");
        slicer->is_messages_next = is_key(text, size, "messages");
    }
    return 1;
}

static int on_string(void *data, const unsigned char *text, size_t size)
{
    struct slicer *slicer = data;
    if (slicer->depth == DOCUMENT_DEPTH && slicer->is_token_next) {
        if (3 * size + 6 > SLICE_FORM_SIZE_MAX) {
            return 0;
        }
        form_write(slicer, text, size);
    }
    return 1;
}

static int on_start_map(void *data)
{
    struct slicer *slicer = data;
    if (slicer->in_messages && slicer->depth == MESSAGES_DEPTH) {
        if (slicer->message_count == SLICE_MESSAGE_COUNT_MAX) {
            return 0;
        }
        slicer->messages[slicer->message_count].offset =
            slicer->chunk_offset + yajl_get_bytes_consumed(slicer->parser) - 1;
    }
    slicer->depth++;
    return 1;
}

static int on_end_map(void *data)
{
    struct slicer *slicer = data;
    slicer->depth--;
    if (slicer->in_messages && slicer->depth == MESSAGES_DEPTH) {
        struct slice *message = &slicer->messages[slicer->message_count++];
        message->size = slicer->chunk_offset +
                        yajl_get_bytes_consumed(slicer->parser) -
                        message->offset;
    }
    return 1;
}

static int on_start_array(void *data)
{
    struct slicer *slicer = data;
    slicer->in_messages |=
        slicer->depth == DOCUMENT_DEPTH && slicer->is_messages_next;
    slicer->depth++;
    return 1;
}

static int on_end_array(void *data)
{
    struct slicer *slicer = data;
    slicer->depth--;
    slicer->in_messages &= slicer->depth != DOCUMENT_DEPTH;
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_map_key = on_key,
    .yajl_string = on_string,
    .yajl_start_map = on_start_map,
    .yajl_end_map = on_end_map,
    .yajl_start_array = on_start_array,
    .yajl_end_array = on_end_array,
};

void slicer_begin(struct slicer *slicer)
{
    slicer->parser = yajl_alloc(&callbacks, NULL, slicer);
    slicer->body_size = 0;
    slicer->depth = 0;
    slicer->in_messages = false;
    slicer->message_count = 0;
    slicer->form_size = 0;
}

bool slicer_data(struct slicer *slicer, const char *data, size_t size)
{
    if (slicer->parser == NULL ||
        slicer->body_size + size > sizeof slicer->body) {
        return false;
    }
    memcpy(slicer->body + slicer->body_size, data, size);
    slicer->chunk_offset = slicer->body_size;
    slicer->body_size += size;
    return yajl_parse(slicer->parser, (const unsigned char *)data, size) ==
           yajl_status_ok;
}

bool slicer_end(struct slicer *slicer)
{
    bool is_whole = slicer->parser != NULL &&
                    yajl_complete_parse(slicer->parser) == yajl_status_ok &&
                    slicer->form_size > 0;
    yajl_free(slicer->parser);
    slicer->parser = NULL;
    return is_whole;
}
