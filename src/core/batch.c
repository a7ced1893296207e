#include "core/batch.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

#define BODY_SIZE_MIN 8192   /* enough for most batches of 16 */
#define MESSAGE_COUNT_MIN 16 /* most that a server sends since 2020 */
#define STATE_SIZE_MIN 512   /* for such a batch and a few leftovers */

struct batch *batch_new(void)
{
    return alloc_zeroed(1, sizeof(struct batch));
}

struct haplo_batch batch_lend(struct batch *batch, uint64_t serial)
{
    assert(serial != 0);
    assert(batch->serial == 0);
    batch->serial = serial;
    return (struct haplo_batch){.memory = batch, .serial = serial};
}

struct batch *batch_lent(struct haplo_batch handle)
{
    struct batch *batch = handle.memory;
    return batch != NULL && batch->serial == handle.serial && handle.serial != 0
               ? batch
               : NULL;
}

void batch_return(struct batch *batch)
{
    assert(batch->serial != 0);
    batch->serial = 0;
}

static void slice_move(struct haplo_slice *slice, const char *from,
                       const char *to)
{
    if (slice->data != NULL) {
        slice->data = to + (slice->data - from);
    }
}

/* Messages are found while the body is still growing, so their slices must
 * move with it. Must be called before the old body is freed. */
static void messages_move(struct batch *batch, const char *to)
{
    for (size_t i = 0; i < batch->message_count; i++) {
        struct haplo_message *message = &batch->messages[i];
        slice_move(&message->body, batch->body, to);
        slice_move(&message->id, batch->body, to);
        slice_move(&message->datetime, batch->body, to);
    }
}

int batch_reserve(struct batch *batch, size_t size)
{
    assert(batch->body_size <= batch->body_capacity);
    if (size <= batch->body_capacity - batch->body_size) {
        return 0;
    }
    if (size > SIZE_MAX / 2 - batch->body_size) {
        return HAPLO_ENOMEM;
    }
    size_t capacity = batch->body_capacity * 2;
    if (capacity < batch->body_size + size) {
        capacity = batch->body_size + size;
    }
    if (capacity < BODY_SIZE_MIN) {
        capacity = BODY_SIZE_MIN;
    }
    char *body = alloc_bytes(capacity);
    if (body == NULL) {
        return HAPLO_ENOMEM;
    }
    if (batch->body_size > 0) {
        memcpy(body, batch->body, batch->body_size);
        messages_move(batch, body);
    }
    alloc_free(batch->body);
    batch->body = body;
    batch->body_capacity = capacity;
    return 0;
}

int batch_append(struct batch *batch, const char *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (batch_reserve(batch, size) != 0) {
        return HAPLO_ENOMEM;
    }
    memcpy(batch->body + batch->body_size, data, size);
    batch->body_size += size;
    return 0;
}

static int messages_grow(struct batch *batch)
{
    size_t capacity = batch->message_capacity * 2;
    if (capacity < MESSAGE_COUNT_MIN) {
        capacity = MESSAGE_COUNT_MIN;
    }
    struct haplo_message *messages =
        alloc_resize(batch->messages, capacity * sizeof *messages);
    if (messages == NULL) {
        return HAPLO_ENOMEM;
    }
    batch->messages = messages;
    batch->message_capacity = capacity;
    return 0;
}

struct haplo_message *batch_add_message(struct batch *batch)
{
    assert(batch->message_count <= batch->message_capacity);
    if (batch->message_count >= BATCH_MESSAGE_COUNT_MAX) {
        return NULL;
    }
    if (batch->message_count == batch->message_capacity &&
        messages_grow(batch) != 0) {
        return NULL;
    }
    struct haplo_message *message = &batch->messages[batch->message_count++];
    memset(message, 0, sizeof *message);
    return message;
}

int batch_reserve_state(struct batch *batch, size_t size)
{
    if (size <= batch->state_capacity) {
        return 0;
    }
    if (size < STATE_SIZE_MIN) {
        size = STATE_SIZE_MIN;
    }
    uint8_t *state = alloc_resize(batch->state, size);
    if (state == NULL) {
        return HAPLO_ENOMEM;
    }
    batch->state = state;
    batch->state_capacity = size;
    return 0;
}

size_t batch_allocated_bytes(const struct batch *batch)
{
    return batch->body_capacity +
           batch->message_capacity * sizeof *batch->messages +
           batch->form_capacity + batch->state_capacity;
}

/* Shrinks a block that exceeds the limit, or frees it if it cannot be shrunk.
 * Returns the block and sets *size. */
static void *block_trim(void *block, size_t *size, size_t size_max)
{
    if (*size <= size_max) {
        return block;
    }
    void *smaller = alloc_resize(block, size_max);
    if (smaller == NULL) {
        alloc_free(block);
        *size = 0;
        return NULL;
    }
    *size = size_max;
    return smaller;
}

void batch_move_token(struct batch *to, struct batch *from)
{
    assert(to->form_size == 0);
    assert(to->state_size == 0);
    char *form = to->form;
    size_t form_capacity = to->form_capacity;
    uint8_t *state = to->state;
    size_t state_capacity = to->state_capacity;
    to->queue = from->queue;
    to->form = from->form;
    to->form_size = from->form_size;
    to->form_capacity = from->form_capacity;
    to->state = from->state;
    to->state_size = from->state_size;
    to->state_capacity = from->state_capacity;
    to->is_accepted = from->is_accepted;
    to->new_count = from->new_count;
    from->form = form;
    from->form_size = 0;
    from->form_capacity = form_capacity;
    from->state = state;
    from->state_size = 0;
    from->state_capacity = state_capacity;
    from->is_accepted = false;
}

void batch_reset(struct batch *batch)
{
    assert(batch->serial == 0);
    batch->queue = NULL;
    batch->body_size = 0;
    batch->message_count = 0;
    batch->new_count = 0;
    batch->form_size = 0;
    batch->state_size = 0;
    batch->is_accepted = false;
    batch->body = block_trim(batch->body, &batch->body_capacity,
                             BATCH_BODY_KEEP_SIZE_MAX);
    batch->form = block_trim(batch->form, &batch->form_capacity,
                             BATCH_FORM_KEEP_SIZE_MAX);
    batch->state = block_trim(batch->state, &batch->state_capacity,
                              BATCH_STATE_KEEP_SIZE_MAX);
    size_t message_bytes = batch->message_capacity * sizeof *batch->messages;
    batch->messages =
        block_trim(batch->messages, &message_bytes,
                   BATCH_MESSAGE_KEEP_COUNT_MAX * sizeof *batch->messages);
    batch->message_capacity = message_bytes / sizeof *batch->messages;
}

void batch_hide(const struct batch *batch)
{
    alloc_hide(batch->body, batch->body_capacity);
    alloc_hide(batch->messages,
               batch->message_capacity * sizeof *batch->messages);
    alloc_hide(batch->form, batch->form_capacity);
    alloc_hide(batch->state, batch->state_capacity);
}

void batch_show(const struct batch *batch)
{
    alloc_show(batch->body, batch->body_capacity);
    alloc_show(batch->messages,
               batch->message_capacity * sizeof *batch->messages);
    alloc_show(batch->form, batch->form_capacity);
    alloc_show(batch->state, batch->state_capacity);
}

void batch_free(struct batch *batch)
{
    if (batch == NULL) {
        return;
    }
    batch_show(batch);
    alloc_free(batch->body);
    alloc_free(batch->messages);
    alloc_free(batch->form);
    alloc_free(batch->state);
    alloc_free(batch);
}
