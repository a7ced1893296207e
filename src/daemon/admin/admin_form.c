#include "daemon/admin/admin_form.h"

#include <string.h>

#include "base/reason.h"

#define NAME_SIZE_MAX 64

/* Where reading is. */
struct reader {
    const char *at;  /* next byte */
    const char *end; /* behind the last one */
};

static void skip_space(struct reader *reader)
{
    static const char spaces[] = {' ', '\t', '\r', '\n'};
    while (reader->at < reader->end &&
           memchr(spaces, *reader->at, sizeof spaces) != NULL) {
        reader->at++;
    }
}

/* Takes this byte, after white space. */
static bool take(struct reader *reader, char byte)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != byte) {
        return false;
    }
    reader->at++;
    return true;
}

static bool take_word(struct reader *reader, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(reader->end - reader->at) < size ||
        memcmp(reader->at, word, size) != 0) {
        return false;
    }
    reader->at += size;
    return true;
}

/* Texts */

/* Where a decoded text goes. */
struct text {
    char *data;  /* with room for size bytes */
    size_t size; /* of data, with the NUL */
    size_t used; /* bytes in it */
};

static bool put(struct text *text, unsigned byte)
{
    if (text->used + 1 >= text->size || byte == 0) {
        return false;
    }
    text->data[text->used++] = (char)byte;
    return true;
}

static bool put_character(struct text *text, uint32_t code)
{
    if (code < 0x80) {
        return put(text, code);
    }
    if (code < 0x800) {
        return put(text, 0xc0 | code >> 6) && put(text, 0x80 | (code & 0x3f));
    }
    if (code < 0x10000) {
        return put(text, 0xe0 | code >> 12) &&
               put(text, 0x80 | (code >> 6 & 0x3f)) &&
               put(text, 0x80 | (code & 0x3f));
    }
    return put(text, 0xf0 | code >> 18) &&
           put(text, 0x80 | (code >> 12 & 0x3f)) &&
           put(text, 0x80 | (code >> 6 & 0x3f)) &&
           put(text, 0x80 | (code & 0x3f));
}

static bool take_hex(struct reader *reader, uint32_t *code)
{
    static const char digits[] = "0123456789abcdef";
    *code = 0;
    for (int i = 0; i < 4; i++) {
        if (reader->at == reader->end || *reader->at == '\0') {
            return false;
        }
        const char *digit = strchr(digits, *reader->at | 0x20);
        if (digit == NULL) {
            return false;
        }
        *code = *code << 4 | (uint32_t)(digit - digits);
        reader->at++;
    }
    return true;
}

/* After "\u": one code unit, or the two of a surrogate pair. */
static bool take_code(struct reader *reader, uint32_t *code)
{
    uint32_t low;
    if (!take_hex(reader, code)) {
        return false;
    }
    if (*code < 0xd800 || *code > 0xdfff) {
        return true;
    }
    if (*code > 0xdbff || !take_word(reader, "\\u") ||
        !take_hex(reader, &low) || low < 0xdc00 || low > 0xdfff) {
        return false;
    }
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static bool take_escape(struct reader *reader, struct text *text)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    uint32_t code;
    if (reader->at == reader->end) {
        return false;
    }
    char byte = *reader->at++;
    if (byte == 'u') {
        return take_code(reader, &code) && put_character(text, code);
    }
    const char *found = byte == '\0' ? NULL : strchr(from, byte);
    return found != NULL && put(text, (unsigned char)to[found - from]);
}

/* Takes a string, quotes included. */
static bool take_text(struct reader *reader, char *data, size_t size)
{
    struct text text = {.data = data, .size = size};
    if (!take(reader, '"')) {
        return false;
    }
    while (reader->at < reader->end && *reader->at != '"') {
        unsigned char byte = (unsigned char)*reader->at++;
        if (byte < ' ' ||
            !(byte == '\\' ? take_escape(reader, &text) : put(&text, byte))) {
            return false;
        }
    }
    data[text.used] = '\0';
    return take(reader, '"');
}

/* Values */

static bool take_count(struct reader *reader, uint64_t *count)
{
    const char *first = reader->at;
    *count = 0;
    while (reader->at < reader->end && *reader->at >= '0' &&
           *reader->at <= '9') {
        uint64_t digit = (uint64_t)(*reader->at - '0');
        if (*count > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *count = *count * 10 + digit;
        reader->at++;
    }
    return reader->at > first && (*first != '0' || reader->at == first + 1);
}

static bool take_value(struct reader *reader, const struct admin_field *field)
{
    skip_space(reader);
    if (take_word(reader, "null")) {
        return true;
    }
    switch (field->kind) {
    case ADMIN_FIELD_TEXT:
        return take_text(reader, field->to, field->size);
    case ADMIN_FIELD_COUNT:
        return take_count(reader, field->to);
    default:
        *(bool *)field->to = take_word(reader, "true");
        return *(bool *)field->to || take_word(reader, "false");
    }
}

static int take_member(struct reader *reader, const struct admin_field *fields,
                       size_t count, char *why, size_t why_size)
{
    char name[NAME_SIZE_MAX];
    if (!take_text(reader, name, sizeof name) || !take(reader, ':')) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "the body is no JSON object");
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return take_value(reader, &fields[i])
                       ? 0
                       : reason_write(why, why_size, HAPLO_EINVAL,
                                      "%s has another type, or is too long",
                                      name);
        }
    }
    return reason_write(why, why_size, HAPLO_EINVAL,
                        "%s is not expected here: see docs/openapi.yaml", name);
}

int admin_form_read(const char *body, size_t size,
                    const struct admin_field *fields, size_t count, char *why,
                    size_t why_size)
{
    struct reader reader = {body, body + size};
    bool is_first = true;
    if (size == 0) {
        return 0;
    }
    bool is_open = take(&reader, '{');
    while (is_open && !take(&reader, '}')) {
        if (!is_first && !take(&reader, ',')) {
            is_open = false;
            break;
        }
        is_first = false;
        int error = take_member(&reader, fields, count, why, why_size);
        if (error != 0) {
            return error;
        }
    }
    skip_space(&reader);
    return is_open && reader.at == reader.end
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL,
                              "the body is no JSON object");
}

/* Finding */

/* Skips what begins here: a string as a whole, anything else byte by byte. */
static void skip_token(struct reader *reader)
{
    if (*reader->at++ != '"') {
        return;
    }
    while (reader->at < reader->end && *reader->at != '"') {
        reader->at += *reader->at == '\\' && reader->at + 1 < reader->end;
        reader->at++;
    }
    reader->at += reader->at < reader->end;
}

/* Moves behind "NAME":. */
static bool find_member(struct reader *reader, const char *name)
{
    size_t size = strlen(name);
    while (reader->at < reader->end) {
        const char *first = reader->at;
        skip_token(reader);
        if (*first == '"' && (size_t)(reader->at - first) == size + 2 &&
            memcmp(first + 1, name, size) == 0 && take(reader, ':')) {
            return true;
        }
    }
    return false;
}

bool admin_form_find(const char *json, size_t size, const char *name,
                     char *text, size_t text_size)
{
    struct reader reader = {json, json + size};
    return find_member(&reader, name) && take_text(&reader, text, text_size);
}

bool admin_form_find_count(const char *json, size_t size, const char *name,
                           uint64_t *count)
{
    struct reader reader = {json, json + size};
    uint64_t found;
    if (!find_member(&reader, name)) {
        return false;
    }
    skip_space(&reader);
    if (!take_count(&reader, &found)) {
        return false;
    }
    *count = found;
    return true;
}
