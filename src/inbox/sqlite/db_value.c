#include "inbox/sqlite/db_value.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* True if all eight bytes are 0x01 to 0x7f. */
static bool word_is_ascii(uint64_t word)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t low = UINT64_C(0x0101010101010101);

    return ((word | (word - low)) & high) == 0;
}

/* Length of the UTF-8 sequence at data; 0: invalid, or NUL. */
static size_t utf8_sequence_size(const unsigned char *data, size_t size)
{
    unsigned char first = data[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length;

    if (first < 0x80) {
        return first != 0 ? 1 : 0;
    } else if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        low = first == 0xe0 ? 0xa0 : low;   /* no overlong forms */
        high = first == 0xed ? 0x9f : high; /* no surrogates */
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        low = first == 0xf0 ? 0x90 : low;
        high = first == 0xf4 ? 0x8f : high; /* none past U+10FFFF */
    } else {
        return 0;
    }
    if (size < length || data[1] < low || data[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool bytes_are_text(const char *bytes, size_t size)
{
    const unsigned char *data = (const unsigned char *)bytes;
    size_t length;
    uint64_t word;

    while (size > 0) {
        if (size >= sizeof(word)) {
            memcpy(&word, data, sizeof(word));
            if (word_is_ascii(word)) {
                data += sizeof(word);
                size -= sizeof(word);
                continue;
            }
        }
        length = utf8_sequence_size(data, size);
        if (length == 0) {
            return false;
        }
        data += length;
        size -= length;
    }
    return true;
}

int db_bind_bytes(sqlite3_stmt *statement, int index, struct haplo_slice bytes)
{
    /* SQLite treats a null pointer as NULL, not as empty. */
    const char *data = bytes.size > 0 ? bytes.data : "";

    if (bytes_are_text(data, bytes.size)) {
        return sqlite3_bind_text64(statement, index, data, bytes.size,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
    return sqlite3_bind_blob64(statement, index, data, bytes.size,
                               SQLITE_STATIC);
}

int db_column_bytes(sqlite3_stmt *statement, int column,
                    struct haplo_slice *bytes)
{
    bytes->data = sqlite3_column_blob(statement, column);
    bytes->size = (size_t)sqlite3_column_bytes(statement, column);
    if (bytes->data == NULL) { /* empty; or there was no memory */
        bytes->data = "";
        return bytes->size > 0 ? SQLITE_NOMEM : SQLITE_OK;
    }
    return SQLITE_OK;
}
