#include "sinks/ledger_rules.h"

#include <string.h>

static void key_write(const struct haplo_message *message,
                      uint8_t key[LEDGER_KEY_SIZE])
{
    memcpy(key, message->key, sizeof message->key);
    key[16] = (uint8_t)(message->ordinal >> 24);
    key[17] = (uint8_t)(message->ordinal >> 16);
    key[18] = (uint8_t)(message->ordinal >> 8);
    key[19] = (uint8_t)message->ordinal;
}

static int add_message(const struct ledger_ops *ops, void *record,
                       struct ledger_batch *batch, size_t index)
{
    uint8_t key[LEDGER_KEY_SIZE];
    bool was_there; /* add() finds out as well */
    bool is_new = false;
    int error = 0;
    key_write(&batch->messages[index], key);
    if (batch->is_unconfirmed) {
        error = ops->take_back(record, key, &was_there);
    }
    if (error == 0) {
        error = ops->add(record, index, key, &is_new);
    }
    if (error == 0) {
        *(is_new ? &batch->new_count : &batch->repeat_count) += 1;
    }
    return error;
}

int ledger_add_batch(const struct ledger_ops *ops, void *record,
                     struct ledger_batch *batch)
{
    int error = 0;
    batch->new_count = 0;
    batch->repeat_count = 0;
    batch->has_leftovers = false;
    if (batch->is_unconfirmed) {
        error = ops->carry_over(record);
    }
    for (size_t i = 0; i < batch->count && error == 0; i++) {
        error = add_message(ops, record, batch, i);
    }
    if (error == 0 && batch->is_unconfirmed) {
        error = ops->find_leftovers(record, &batch->has_leftovers);
    }
    if (error == 0) {
        error = ops->raise_epoch(record);
    }
    return error;
}

void ledger_state_read(struct ledger_state *state, uint64_t epoch,
                       bool is_unconfirmed)
{
    *state = (struct ledger_state){
        .epoch = epoch,
        .stored_epoch = epoch,
        .is_unconfirmed = is_unconfirmed,
    };
}

void ledger_state_stored(struct ledger_state *state, uint64_t epoch,
                         bool has_leftovers)
{
    ledger_state_committed(state, epoch);
    if (epoch >= state->epoch) {
        state->epoch = epoch;
        state->is_unconfirmed = true;
        state->has_leftovers = has_leftovers;
    }
}

void ledger_state_doubted(struct ledger_state *state)
{
    state->is_unconfirmed = true;
    state->has_leftovers = true;
}

bool ledger_state_confirmed(struct ledger_state *state, uint64_t next_epoch)
{
    if (next_epoch <= state->epoch) {
        return false;
    }
    /* What was carried over belongs to the very next epoch, and to no later
     * one: an epoch is skipped to confirm it. */
    state->is_unconfirmed =
        state->has_leftovers && next_epoch == state->epoch + 1;
    state->has_leftovers = false;
    state->epoch = next_epoch;
    return true;
}

void ledger_state_committed(struct ledger_state *state, uint64_t epoch)
{
    if (epoch > state->stored_epoch) {
        state->stored_epoch = epoch;
    }
}

bool ledger_state_is_ahead(const struct ledger_state *state)
{
    return state->epoch > state->stored_epoch;
}
