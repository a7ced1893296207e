#include "core/delivery_state.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "core/repeats.h"

/* Consecutive keys. */
struct key_list {
    const uint8_t *keys; /* borrowed */
    size_t count;        /* keys of STATE_KEY_SIZE bytes each */
};

static struct key_list keys_of(const uint8_t *bytes)
{
    struct state_head head;
    if (bytes == NULL) {
        return (struct key_list){0};
    }
    state_bytes_head(bytes, &head);
    return (struct key_list){.keys = bytes + STATE_HEAD_SIZE,
                             .count = state_head_key_count(&head)};
}

static void know_only(struct delivery_state *state,
                      const struct state_head *head)
{
    memset(state->known, 0, sizeof state->known);
    state->known[0] = head->id;
    state->generation = head->generation;
}

/* Adds a state that may be the stored one. */
static void know_also(struct delivery_state *state,
                      const struct state_head *head)
{
    size_t i = 0;
    while (i < STATE_FOLLOW_MAX && state->known[i] != 0) {
        i++;
    }
    assert(i > 0);
    assert(i < STATE_FOLLOW_MAX);
    state->known[i] = head->id;
}

/* The head of a state that may follow any of the known ones. */
static struct state_head head_after(const struct delivery_state *state,
                                    uint64_t generation, uint64_t salt)
{
    struct state_head head = {.generation = generation, .salt = salt};
    static_assert(sizeof head.follows == sizeof state->known,
                  "a state may follow any of the known ones");
    memcpy(head.follows, state->known, sizeof head.follows);
    return head;
}

static void forget_newest(struct delivery_state *state)
{
    alloc_free(state->newest);
    state->newest = NULL;
}

int delivery_state_adopt(struct delivery_state *state,
                         struct haplo_slice stored)
{
    struct state_head head = {0};
    uint8_t *newest = NULL;
    if (stored.size > 0 && state_bytes_read(stored, &head) != 0) {
        return HAPLO_EINVAL;
    }
    if (state_head_key_count(&head) > 0) {
        newest = alloc_bytes(stored.size);
        if (newest == NULL) {
            return HAPLO_ENOMEM;
        }
        memcpy(newest, stored.data, stored.size);
    }
    forget_newest(state);
    state->newest = newest;
    know_only(state, &head);
    return 0;
}

/* A batch */

/* Writes K - B after the keys of B, and marks the messages of B in K. */
static int leftovers_fill(struct batch *batch, struct key_list known,
                          struct state_head *head, size_t *dropped_count)
{
    struct repeats repeats;
    uint8_t *to = batch->state + STATE_HEAD_SIZE +
                  STATE_KEY_SIZE * (size_t)head->batch_count;
    int error = repeats_init(&repeats, batch->messages, batch->message_count);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < known.count; i++) {
        const uint8_t *key = known.keys + STATE_KEY_SIZE * i;
        if (repeats_take(&repeats, key)) {
            batch->new_count--;
        } else if (head->leftover_count < HAPLO_LEFTOVER_COUNT_MAX) {
            memcpy(to, key, STATE_KEY_SIZE);
            to += STATE_KEY_SIZE;
            head->leftover_count++;
        } else {
            (*dropped_count)++;
        }
    }
    repeats_free(&repeats);
    return 0;
}

static void batch_keys_fill(struct batch *batch)
{
    uint8_t *to = batch->state + STATE_HEAD_SIZE;
    for (size_t i = 0; i < batch->message_count; i++) {
        memcpy(to, batch->messages[i].key, STATE_KEY_SIZE);
        to += STATE_KEY_SIZE;
    }
}

int delivery_state_evaluate(const struct delivery_state *state,
                            struct batch *batch, uint64_t salt,
                            size_t *dropped_count)
{
    struct key_list known = keys_of(state->newest);
    struct state_head head = head_after(state, state->generation + 1, salt);
    size_t leftover_count = known.count < HAPLO_LEFTOVER_COUNT_MAX
                                ? known.count
                                : HAPLO_LEFTOVER_COUNT_MAX;
    *dropped_count = 0;
    batch->new_count = batch->message_count;
    head.batch_count = (uint32_t)batch->message_count;
    int error = batch_reserve_state(
        batch, STATE_HEAD_SIZE +
                   STATE_KEY_SIZE * (batch->message_count + leftover_count));
    if (error == 0 && known.count > 0) {
        error = leftovers_fill(batch, known, &head, dropped_count);
    }
    if (error != 0) {
        return error;
    }
    batch_keys_fill(batch);
    state_bytes_seal(batch->state, &head);
    batch->state_size = state_head_size(&head);
    return 0;
}

void delivery_state_accept(struct delivery_state *state, struct batch *batch)
{
    struct state_head head;
    assert(batch->state_size > 0);
    assert(!batch->is_accepted);
    state_bytes_head(batch->state, &head);
    know_only(state, &head);
    forget_newest(state);
    batch->is_accepted = true;
}

/* What becomes of an accepted batch */

/* The queue takes the memory of the batch instead of copying it, so that it
 * cannot lose K for lack of memory. Shrinking it may fail, which does not
 * matter. */
static void take_block(struct delivery_state *state, struct batch *batch)
{
    assert(state->newest == NULL);
    uint8_t *smaller = alloc_resize(batch->state, batch->state_size);
    state->newest = smaller != NULL ? smaller : batch->state;
    batch->state = NULL;
    batch->state_size = 0;
    batch->state_capacity = 0;
    batch->is_accepted = false;
}

void delivery_state_keep(struct delivery_state *state, struct batch *batch)
{
    assert(batch->is_accepted);
    take_block(state, batch);
}

/* Reduces the state of a confirmed batch to its leftovers. */
static void leave_leftovers(struct batch *batch, struct state_head *head)
{
    struct state_head accepted;
    uint8_t *keys = batch->state + STATE_HEAD_SIZE;
    state_bytes_head(batch->state, &accepted);
    head->leftover_count = accepted.leftover_count;
    memmove(keys, keys + STATE_KEY_SIZE * (size_t)accepted.batch_count,
            STATE_KEY_SIZE * (size_t)accepted.leftover_count);
    state_bytes_seal(batch->state, head);
    batch->state_size = state_head_size(head);
}

static bool has_leftovers(const struct batch *batch)
{
    struct state_head head;
    state_bytes_head(batch->state, &head);
    return head.leftover_count > 0;
}

struct haplo_slice delivery_state_confirm(struct delivery_state *state,
                                          struct batch *batch, bool is_drained,
                                          uint64_t salt,
                                          uint8_t bytes[STATE_HEAD_SIZE])
{
    struct state_head head = head_after(state, state->generation, salt);
    assert(batch != NULL ? batch->is_accepted : state->newest != NULL);
    if (batch != NULL && !is_drained && has_leftovers(batch)) {
        leave_leftovers(batch, &head);
        take_block(state, batch);
    } else {
        state_bytes_seal(bytes, &head);
        forget_newest(state);
        if (batch != NULL) {
            batch->state_size = 0;
            batch->is_accepted = false;
        }
    }
    know_also(state, &head);
    return (struct haplo_slice){
        .data = (const char *)(state->newest != NULL ? state->newest : bytes),
        .size = state_head_size(&head),
    };
}

size_t delivery_state_count(const struct delivery_state *state,
                            const struct batch *batch)
{
    return batch != NULL && batch->is_accepted ? keys_of(batch->state).count
                                               : keys_of(state->newest).count;
}

void delivery_state_free(struct delivery_state *state)
{
    forget_newest(state);
}
