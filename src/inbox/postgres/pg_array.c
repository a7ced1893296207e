#include "inbox/postgres/pg_array.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 20       /* with one dimension */
#define NUMBER_SIZE 12       /* a 64-bit integer, after its length */
#define EMPTY_HEADER_SIZE 12 /* without */
#define CAPACITY_MIN 256
#define CAPACITY_KEEP_MAX ((size_t)1 << 20) /* after pg_array_clear() */
/* PostgreSQL's limit for a value is 1 GiB - 1; a statement has several. */
#define SIZE_MAX_ALLOWED ((size_t)1000 * 1000 * 1000)

static inline void put_32(char *to, uint32_t value)
{
    value = htobe32(value);
    memcpy(to, &value, sizeof(value));
}

static inline void put_64(char *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, sizeof(value));
}

void pg_array_init(struct pg_array *array, enum pg_element element)
{
    memset(array, 0, sizeof(*array));
    array->element = element;
    array->size = HEADER_SIZE;
}

void pg_array_free(struct pg_array *array)
{
    free(array->bytes);
    pg_array_init(array, array->element);
}

void pg_array_clear(struct pg_array *array)
{
    if (array->capacity > CAPACITY_KEEP_MAX) {
        pg_array_free(array);
    }
    array->size = HEADER_SIZE;
    array->count = 0;
    array->has_null = false;
    array->is_short = false;
    array->is_too_big = false;
}

static bool grow(struct pg_array *array, size_t size)
{
    size_t capacity = array->capacity > 0 ? array->capacity : CAPACITY_MIN;
    char *bytes;

    if (size > SIZE_MAX_ALLOWED - array->size) {
        array->is_too_big = true;
    }
    if (array->is_too_big || array->is_short) {
        return false;
    }
    while (capacity < array->size + size) {
        capacity *= 2;
    }
    bytes = realloc(array->bytes, capacity);
    if (bytes == NULL) {
        array->is_short = true;
        return false;
    }
    array->bytes = bytes;
    array->capacity = capacity;
    return true;
}

/* Makes room for size more bytes. */
static inline bool reserve(struct pg_array *array, size_t size)
{
    return array->size <= array->capacity &&
                   size <= array->capacity - array->size
               ? !array->is_too_big && !array->is_short
               : grow(array, size);
}

static void append(struct pg_array *array, const char *data, size_t size)
{
    array->count++;
    if (!reserve(array, size + 4)) {
        return;
    }
    put_32(array->bytes + array->size, (uint32_t)size);
    if (size > 0) {
        memcpy(array->bytes + array->size + 4, data, size);
    }
    array->size += 4 + size;
}

void pg_array_number(struct pg_array *array, int64_t value)
{
    assert(array->element == PG_INT8);
    array->count++;
    if (reserve(array, NUMBER_SIZE)) {
        put_32(array->bytes + array->size, sizeof(value));
        put_64(array->bytes + array->size + 4, (uint64_t)value);
        array->size += NUMBER_SIZE;
    }
}

void pg_array_bool(struct pg_array *array, bool value)
{
    assert(array->element == PG_BOOL);
    append(array, value ? "\1" : "\0", 1);
}

void pg_array_bytes(struct pg_array *array, struct haplo_slice bytes)
{
    assert(array->element == PG_BYTEA);
    append(array, bytes.data, bytes.size);
}

void pg_array_text(struct pg_array *array, const char *text)
{
    assert(array->element == PG_TEXT);
    append(array, text, strlen(text));
}

void pg_array_slice(struct pg_array *array, struct haplo_slice text)
{
    assert(array->element == PG_TEXT);
    append(array, text.data, text.size);
}

void pg_array_null(struct pg_array *array)
{
    array->count++;
    if (reserve(array, 4)) {
        put_32(array->bytes + array->size, UINT32_MAX); /* a length of -1 */
        array->size += 4;
        array->has_null = true;
    }
}

int pg_array_finish(struct pg_array *array)
{
    if (!reserve(array, 0)) {
        return array->is_too_big ? HAPLO_ETOOBIG : HAPLO_ENOMEM;
    }
    put_32(array->bytes, array->count > 0 ? 1 : 0); /* dimensions */
    put_32(array->bytes + 4, array->has_null ? 1 : 0);
    put_32(array->bytes + 8, (uint32_t)array->element);
    put_32(array->bytes + 12, array->count);
    put_32(array->bytes + 16, 1); /* the first subscript */
    if (array->count == 0) {
        array->size = EMPTY_HEADER_SIZE;
    }
    return 0;
}

/* Reading */

struct haplo_slice pg_array_next(const struct pg_array *array, size_t *offset)
{
    const char *at = array->bytes + HEADER_SIZE + *offset;
    uint32_t size;

    assert(HEADER_SIZE + *offset + sizeof(size) <= array->size);
    memcpy(&size, at, sizeof(size));
    size = be32toh(size);
    *offset += sizeof(size) + size;
    return (struct haplo_slice){at + sizeof(size), size};
}

size_t pg_array_number_count(struct haplo_slice numbers)
{
    return numbers.size < HEADER_SIZE
               ? 0 /* empty or NULL */
               : (numbers.size - HEADER_SIZE) / NUMBER_SIZE;
}

int64_t pg_array_number_at(struct haplo_slice numbers, size_t index)
{
    uint64_t value;

    assert(index < pg_array_number_count(numbers));
    memcpy(&value, numbers.data + HEADER_SIZE + index * NUMBER_SIZE + 4,
           sizeof(value));
    return (int64_t)be64toh(value);
}
