#include "core/state_bytes.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <xxhash.h>

#define MAGIC_SIZE 8

enum offset {
    OFFSET_ID = 0,
    OFFSET_MAGIC = 8,
    OFFSET_BATCH_COUNT = 16,
    OFFSET_LEFTOVER_COUNT = 20,
    OFFSET_GENERATION = 24,
    OFFSET_SALT = 32,
    OFFSET_FOLLOWS = 40
};

static const uint8_t magic[MAGIC_SIZE] = {'h', 'a', 'p', 'l', 'o', 0, 1, '\n'};
static_assert(OFFSET_FOLLOWS + 8 * STATE_FOLLOW_MAX == STATE_HEAD_SIZE,
              "there is no gap between the head and the keys");
static_assert(STATE_KEY_SIZE == sizeof((struct haplo_message *)0)->key,
              "the whole key of a message is stored");
static_assert(HAPLO_STATE_SIZE_MAX(0) ==
                  STATE_HEAD_SIZE + STATE_KEY_SIZE * HAPLO_LEFTOVER_COUNT_MAX,
              "what applications are told to expect");

/* Numbers */

static void put_u32(uint8_t *to, uint32_t number)
{
    number = htole32(number);
    memcpy(to, &number, sizeof number);
}

static void put_u64(uint8_t *to, uint64_t number)
{
    number = htole64(number);
    memcpy(to, &number, sizeof number);
}

static uint32_t get_u32(const uint8_t *from)
{
    uint32_t number;
    memcpy(&number, from, sizeof number);
    return le32toh(number);
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t number;
    memcpy(&number, from, sizeof number);
    return le64toh(number);
}

/* States */

/* In lists of ids 0 means "none", so an id is never 0. */
static uint64_t id_of(const uint8_t *bytes, size_t size)
{
    uint64_t id = XXH3_64bits(bytes + OFFSET_MAGIC, size - OFFSET_MAGIC);
    return id != 0 ? id : 1;
}

void state_bytes_seal(uint8_t *bytes, struct state_head *head)
{
    memcpy(bytes + OFFSET_MAGIC, magic, MAGIC_SIZE);
    put_u32(bytes + OFFSET_BATCH_COUNT, head->batch_count);
    put_u32(bytes + OFFSET_LEFTOVER_COUNT, head->leftover_count);
    put_u64(bytes + OFFSET_GENERATION, head->generation);
    put_u64(bytes + OFFSET_SALT, head->salt);
    for (size_t i = 0; i < STATE_FOLLOW_MAX; i++) {
        put_u64(bytes + OFFSET_FOLLOWS + 8 * i, head->follows[i]);
    }
    head->id = id_of(bytes, state_head_size(head));
    put_u64(bytes + OFFSET_ID, head->id);
}

void state_bytes_head(const uint8_t *bytes, struct state_head *head)
{
    head->id = get_u64(bytes + OFFSET_ID);
    head->batch_count = get_u32(bytes + OFFSET_BATCH_COUNT);
    head->leftover_count = get_u32(bytes + OFFSET_LEFTOVER_COUNT);
    head->generation = get_u64(bytes + OFFSET_GENERATION);
    head->salt = get_u64(bytes + OFFSET_SALT);
    for (size_t i = 0; i < STATE_FOLLOW_MAX; i++) {
        head->follows[i] = get_u64(bytes + OFFSET_FOLLOWS + 8 * i);
    }
}

/* True if the bytes look like a state. The id then shows whether they are
 * intact. */
static bool has_form(struct haplo_slice bytes, struct state_head *head)
{
    const uint8_t *data = (const uint8_t *)bytes.data;
    if (bytes.size < STATE_HEAD_SIZE ||
        memcmp(data + OFFSET_MAGIC, magic, MAGIC_SIZE) != 0) {
        return false;
    }
    state_bytes_head(data, head);
    uint64_t key_count = (uint64_t)head->batch_count + head->leftover_count;
    return bytes.size - STATE_HEAD_SIZE == STATE_KEY_SIZE * key_count;
}

int state_bytes_read(struct haplo_slice bytes, struct state_head *head)
{
    if (!has_form(bytes, head) ||
        head->id != id_of((const uint8_t *)bytes.data, bytes.size)) {
        return HAPLO_EINVAL;
    }
    return 0;
}

static bool may_follow(const struct state_head *state, uint64_t id)
{
    for (size_t i = 0; i < STATE_FOLLOW_MAX; i++) {
        if (state->follows[i] == id) {
            return true;
        }
    }
    return false;
}

enum haplo_compare haplo_state_compare(struct haplo_slice state,
                                       struct haplo_slice stored)
{
    struct state_head new_head;
    struct state_head old_head;
    if (!has_form(state, &new_head)) {
        return HAPLO_COMPARE_STALE;
    }
    if (stored.size == state.size &&
        memcmp(stored.data, state.data, state.size) == 0) {
        return HAPLO_COMPARE_STORED;
    }
    if (stored.size == 0) {
        return new_head.follows[0] == 0 ? HAPLO_COMPARE_CURRENT
                                        : HAPLO_COMPARE_STALE;
    }
    return state_bytes_read(stored, &old_head) == 0 &&
                   may_follow(&new_head, old_head.id)
               ? HAPLO_COMPARE_CURRENT
               : HAPLO_COMPARE_STALE;
}
