/*
 * state_scene.h - batches of named messages and one queue's states, as tests
 * of them need it: a message is a letter, equal letters are equal messages.
 */
#ifndef TEST_STATE_SCENE_H
#define TEST_STATE_SCENE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/delivery_state.h"
#include "core/identity.h"
#include "stored.h"

static uint64_t scene_salt = 1000; /* never the same */

/* A batch with a message for each letter. Borrows the letters. */
static inline struct batch *batch_of(const char *letters)
{
    struct batch *batch = batch_new();
    assert(batch != NULL);
    for (; *letters != '\0'; letters++) {
        struct haplo_message *message = batch_add_message(batch);
        assert(message != NULL);
        message->body = (struct haplo_slice){letters, 1};
    }
    identity_fill(batch->messages, batch->message_count);
    return batch;
}

static inline struct haplo_slice state_of(const struct batch *batch)
{
    return (struct haplo_slice){(const char *)batch->state, batch->state_size};
}

/* The batch as fetched in this state; leftovers that were dropped. */
static inline size_t evaluate(const struct delivery_state *state,
                              struct batch *batch)
{
    size_t dropped_count = 0;
    int error =
        delivery_state_evaluate(state, batch, scene_salt++, &dropped_count);
    assert(error == 0);
    (void)error;
    return dropped_count;
}

static inline struct batch *fetched(const struct delivery_state *state,
                                    const char *letters)
{
    struct batch *batch = batch_of(letters);
    (void)evaluate(state, batch);
    return batch;
}

/* The letters of a batch, repeats small: "aB". */
static inline const char *repeats_of(const struct batch *batch)
{
    static char text[256];
    size_t count = batch->message_count;
    assert(count < sizeof text);
    for (size_t i = 0; i < count; i++) {
        char letter = *batch->messages[i].body.data;
        text[i] = (char)(batch->messages[i].is_repeat ? letter | 0x20 : letter);
    }
    text[count] = '\0';
    return text;
}

/* The letters of a state's keys, of those that messages here have; '|' behind
 * the batch's. */
static inline const char *keys_text(struct haplo_slice bytes)
{
    static char text[256];
    struct state_head head;
    size_t size = 0;
    int error = state_bytes_read(bytes, &head);
    assert(error == 0);
    (void)error;
    for (size_t i = 0; i < state_head_key_count(&head); i++) {
        const char *key = bytes.data + STATE_HEAD_SIZE + STATE_KEY_SIZE * i;
        if (i == head.batch_count) {
            text[size++] = '|';
        }
        for (char letter = 'A'; letter <= 'Z'; letter++) {
            struct haplo_message message = {.body = {&letter, 1}};
            identity_fill(&message, 1);
            if (memcmp(message.key, key, STATE_KEY_SIZE) == 0) {
                text[size++] = letter;
            }
        }
    }
    text[size] = '\0';
    return text;
}

#endif
