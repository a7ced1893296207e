/*
 * States of a queue. 1 byte: how many steps follow, a byte each; their upper
 * bits choose the step, the lower ones the messages of a batch. A second
 * opinion counts messages. The rest are bytes that a database may
 * return as a state; in half of the cases with a matching id.
 */
#include <string.h>

#include "core/delivery_state.h"
#include "core/identity.h"
#include "fuzz.h"

#define KINDS 4 /* of messages; equal ones are of one kind */

/* What is stored and not confirmed, counted. */
struct counts {
    unsigned of[KINDS];
};

struct run {
    struct delivery_state state; /* */
    struct counts known;         /* the second opinion on K */
    struct batch *batch;         /* evaluated, or NULL */
    struct counts in_batch;      /* of it */
    uint64_t salt;               /* the next one */
    uint8_t *stored;             /* owned: a state, or NULL */
    size_t stored_size;          /* of it */
};

static unsigned sum(const struct counts *counts)
{
    unsigned all = 0;
    for (unsigned i = 0; i < KINDS; i++) {
        all += counts->of[i];
    }
    return all;
}

static struct haplo_slice stored_slice(const struct run *run)
{
    return (struct haplo_slice){(const char *)run->stored, run->stored_size};
}

static void store(struct run *run, struct haplo_slice state)
{
    free(run->stored);
    run->stored = malloc(state.size);
    FUZZ_CHECK(run->stored != NULL);
    memcpy(run->stored, state.data, state.size);
    run->stored_size = state.size;
}

static void drop(struct run *run)
{
    if (run->batch == NULL) {
        return;
    }
    if (run->batch->is_accepted) {
        delivery_state_keep(&run->state, run->batch);
    }
    batch_free(run->batch);
    run->batch = NULL;
}

/* A batch of up to two messages of each kind. */
static void fetch(struct run *run, unsigned choice)
{
    static const char *const bodies[KINDS] = {"a", "b", "c", "d"};
    unsigned new_count = 0;
    size_t dropped;
    drop(run);
    run->batch = batch_new();
    run->in_batch = (struct counts){0};
    FUZZ_CHECK(run->batch != NULL);
    for (unsigned bit = 0; bit < 5; bit++) {
        if ((choice >> bit & 1) != 0) {
            struct haplo_message *message = batch_add_message(run->batch);
            FUZZ_CHECK(message != NULL);
            message->body = (struct haplo_slice){bodies[bit % KINDS], 1};
            run->in_batch.of[bit % KINDS]++;
        }
    }
    if (run->batch->message_count == 0) {
        drop(run);
        return;
    }
    identity_fill(run->batch->messages, run->batch->message_count);
    FUZZ_CHECK(delivery_state_evaluate(&run->state, run->batch, run->salt++,
                                       &dropped) == 0);
    for (unsigned i = 0; i < KINDS; i++) {
        if (run->in_batch.of[i] > run->known.of[i]) {
            new_count += run->in_batch.of[i] - run->known.of[i];
        }
    }
    FUZZ_CHECK(dropped == 0);
    FUZZ_CHECK(run->batch->new_count == new_count);
}

static void accept_batch(struct run *run)
{
    struct haplo_slice state = {(const char *)run->batch->state,
                                run->batch->state_size};
    FUZZ_CHECK(haplo_state_compare(state, stored_slice(run)) ==
               HAPLO_COMPARE_CURRENT);
    store(run, state);
    FUZZ_CHECK(haplo_state_compare(state, stored_slice(run)) ==
               HAPLO_COMPARE_STORED);
    delivery_state_accept(&run->state, run->batch);
    for (unsigned i = 0; i < KINDS; i++) {
        if (run->in_batch.of[i] > run->known.of[i]) {
            run->known.of[i] = run->in_batch.of[i];
        }
    }
}

/* is_stored: the application keeps the confirmed state. */
static void confirm(struct run *run, bool is_drained, bool is_stored)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_slice state = delivery_state_confirm(
        &run->state, run->batch, is_drained, run->salt++, bytes);
    for (unsigned i = 0; i < KINDS; i++) {
        run->known.of[i] = is_drained || run->batch == NULL
                               ? 0
                               : run->known.of[i] - run->in_batch.of[i];
    }
    FUZZ_CHECK(haplo_state_compare(state, stored_slice(run)) ==
               HAPLO_COMPARE_CURRENT);
    if (is_stored) {
        store(run, state);
    }
    drop(run);
}

/* What is stored is all that a new process knows; but for confirmed states
 * that were not stored, it is the same. */
static void restart(struct run *run)
{
    struct state_head head = {0};
    drop(run);
    FUZZ_CHECK(delivery_state_adopt(&run->state, stored_slice(run)) == 0);
    if (run->stored != NULL) {
        state_bytes_head(run->stored, &head);
    }
    run->known = (struct counts){0};
    for (size_t i = 0; i < state_head_key_count(&head); i++) {
        for (unsigned kind = 0; kind < KINDS; kind++) {
            char body = (char)('a' + (int)kind);
            struct haplo_message message = {.body = {&body, 1}};
            identity_fill(&message, 1);
            run->known.of[kind] +=
                memcmp(run->stored + STATE_HEAD_SIZE + STATE_KEY_SIZE * i,
                       message.key, STATE_KEY_SIZE) == 0;
        }
    }
}

static void step(struct run *run, uint8_t choice)
{
    bool is_accepted = run->batch != NULL && run->batch->is_accepted;
    switch (choice >> 5) {
    case 0:
    case 1:
        fetch(run, choice);
        break;
    case 2:
    case 3:
        if (run->batch != NULL && !is_accepted) {
            accept_batch(run);
        }
        break;
    case 4:
        if (is_accepted) {
            confirm(run, (choice & 1) != 0, (choice & 2) != 0);
        }
        break;
    case 5:
        drop(run);
        if (delivery_state_count(&run->state, NULL) > 0) {
            confirm(run, true, (choice & 2) != 0);
        }
        break;
    case 6:
        drop(run);
        break;
    default:
        restart(run);
    }
    FUZZ_CHECK(delivery_state_count(&run->state, run->batch) ==
               sum(&run->known));
}

/* Any bytes at all in place of what is stored. */
static void adopt_any(struct run *run, char *bytes, size_t size, bool is_sealed)
{
    struct state_head head = {0};
    struct haplo_slice slice = {bytes, size};
    if (is_sealed && size >= STATE_HEAD_SIZE) {
        state_bytes_head((const uint8_t *)bytes, &head);
        if (state_head_size(&head) == size) {
            state_bytes_seal((uint8_t *)bytes, &head);
        }
    }
    fetch(run, 3);
    struct haplo_slice state = {(const char *)run->batch->state,
                                run->batch->state_size};
    enum haplo_compare found = haplo_state_compare(state, slice);
    (void)haplo_state_compare(slice, state);
    drop(run);
    int error = delivery_state_adopt(&run->state, slice);
    FUZZ_CHECK(error == 0 || error == HAPLO_EINVAL);
    FUZZ_CHECK(found != HAPLO_COMPARE_CURRENT || error == 0);
    if (error == 0 && size > 0) {
        FUZZ_CHECK(state_bytes_read(slice, &head) == 0);
        FUZZ_CHECK(delivery_state_count(&run->state, NULL) ==
                   state_head_key_count(&head));
        slice.size--;
        FUZZ_CHECK(delivery_state_adopt(&run->state, slice) == HAPLO_EINVAL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct run run = {.salt = 1};
    unsigned steps = input_byte(&input);
    bool is_sealed = (steps & 1) != 0;
    for (; steps > 0 && input.size > 0; steps--) {
        step(&run, input_byte(&input));
    }
    drop(&run);
    size_t rest_size;
    char *rest = input_rest(&input, &rest_size);
    adopt_any(&run, rest, rest_size, is_sealed);
    free(rest);
    free(run.stored);
    delivery_state_free(&run.state);
    return 0;
}
