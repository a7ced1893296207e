#include "core/form.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

#define FORM_FIELD "token"
#define FORM_SIZE_MIN 256       /* enough for the tokens of most batches */
#define SERVER_FORM_MAX 1048576 /* the server rejects this size with 500 */

static_assert(sizeof FORM_FIELD + HAPLO_TOKEN_SIZE_MAX < SERVER_FORM_MAX,
              "the longest token must fit in a form that the server accepts");

/* RFC 3986, 2.3. Not isalnum(), which depends on the locale. */
static bool byte_is_unreserved(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' ||
           byte == '_' || byte == '~';
}

static int form_reserve(struct batch *batch, size_t size)
{
    if (size <= batch->form_capacity) {
        return 0;
    }
    if (size < FORM_SIZE_MIN) {
        size = FORM_SIZE_MIN;
    }
    char *form = alloc_resize(batch->form, size);
    if (form == NULL) {
        return HAPLO_ENOMEM;
    }
    batch->form = form;
    batch->form_capacity = size;
    return 0;
}

/* The size of the token percent-encoded. It is hardly larger than the token,
 * as long as that is base64. */
static size_t encoded_size(const char *token, size_t size)
{
    size_t encoded = size;
    for (size_t i = 0; i < size; i++) {
        encoded += byte_is_unreserved((unsigned char)token[i]) ? 0 : 2;
    }
    return encoded;
}

static void form_write(struct batch *batch, const char *field,
                       const char *token, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t field_size = strlen(field);
    memcpy(batch->form, field, field_size);
    batch->form[field_size] = '=';
    char *next = batch->form + field_size + 1;
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)token[i];
        if (byte_is_unreserved(byte)) {
            *next++ = (char)byte;
        } else {
            *next++ = '%';
            *next++ = digits[byte >> 4];
            *next++ = digits[byte & 15];
        }
    }
    batch->form_size = (size_t)(next - batch->form);
}

int form_set(struct batch *batch, const char *token, size_t size,
             struct reason *why)
{
    batch->form_size = 0;
    if (size == 0) {
        return 0;
    }
    const char *field =
        batch->form_field != NULL ? batch->form_field : FORM_FIELD;
    size_t field_size = strlen(field) + 1;
    size_t encoded = encoded_size(token, size);
    size_t encoded_max = SERVER_FORM_MAX - 1 - field_size;
    if (encoded > encoded_max) {
        return reason_set(why, HAPLO_ETOOBIG,
                          "the token has %zu bytes when it is posted, and "
                          "servers accept %zu: too many messages are unread; "
                          "update the plugin of the server (since 2020 it "
                          "sends 16 messages at a time), or mark old messages "
                          "there",
                          encoded, encoded_max);
    }
    if (form_reserve(batch, field_size + encoded) != 0) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    form_write(batch, field, token, size);
    assert(batch->form_size == field_size + encoded);
    return 0;
}
