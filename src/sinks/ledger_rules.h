/*
 * ledger_rules.h - which messages of a batch are new and which are repeats,
 * and what is to be recorded so that the next batch can be told as well. Pure:
 * the record itself, and its transactions, are the caller's.
 *
 * A record holds, for each queue, its epoch and the keys of the messages that
 * were stored, each in an epoch (see struct haplo_message):
 *
 *   - in the same epoch a key stands once: met again it is a repeat, as the
 *     mark of its batch was lost;
 *   - a message whose batch was stored but never confirmed, and which the next
 *     batch of the same epoch lacks, is carried over to the next epoch, for
 *     that batch's mark does not confirm it; and it is taken back if a later
 *     batch of this epoch has it again;
 *   - keys of past epochs decide nothing any more: what comes again then is an
 *     administrator's resend, and new.
 */
#ifndef SINKS_LEDGER_RULES_H
#define SINKS_LEDGER_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define LEDGER_KEY_SIZE 20 /* the hash, then the ordinal, big-endian */

/* -- One batch into the record -------------------------------------------- */

/* A batch on its way into the record. */
struct ledger_batch {
    const struct haplo_message *messages; /* borrowed */
    size_t count;                         /* */
    uint64_t epoch;                       /* when it was fetched */
    bool is_unconfirmed; /* the record may have keys of that epoch, or carried
                            over from it, already */
    /* out */
    size_t new_count;    /* messages that were not there yet */
    size_t repeat_count; /* and that were */
    bool has_leftovers;  /* there are keys carried over */
};

/* What the record must be able to do, for the batch's queue and within the
 * caller's transaction. Each returns 0, or the caller's own error, which ends
 * the batch: then roll back. */
struct ledger_ops {
    /* Moves the keys of the batch's epoch to the next one. */
    int (*carry_over)(void *record);
    /* Moves one key back from there; *was_there: it was found. */
    int (*take_back)(void *record, const uint8_t key[LEDGER_KEY_SIZE],
                     bool *was_there);
    /* Stores the message in the batch's epoch; *is_new is false, and nothing
     * is stored, if its key is there already, be it just taken back. So a
     * record that holds messages can see whether it still does. */
    int (*add)(void *record, size_t index, const uint8_t key[LEDGER_KEY_SIZE],
               bool *is_new);
    /* *found: there are keys in the epoch after the batch's. */
    int (*find_leftovers)(void *record, bool *found);
    /* Raises the queue's epoch to the batch's; a higher one stays. */
    int (*raise_epoch)(void *record);
};

/* Brings the batch into the record: 0 with the counts set, or the first error
 * of an operation. */
int ledger_add_batch(const struct ledger_ops *ops, void *record,
                     struct ledger_batch *batch);

/* -- A queue, between two batches ----------------------------------------- */

/* What is known in memory of a queue's record, ahead of it between a confirmed
 * mark and the commit of its epoch. Zeroed: a queue that was never polled. */
struct ledger_state {
    uint64_t epoch;        /* the highest that is known */
    uint64_t stored_epoch; /* the highest that is committed */
    bool is_unconfirmed;   /* messages of that epoch, or carried over to the
                              next, are recorded: their mark was not confirmed,
                              as far as the record knows */
    bool has_leftovers;    /* messages are carried over to the next epoch */
};

/* As read from the record at start. is_unconfirmed: it has keys of that epoch
 * or a later one. */
void ledger_state_read(struct ledger_state *state, uint64_t epoch,
                       bool is_unconfirmed);

/* A batch of that epoch has been committed. */
void ledger_state_stored(struct ledger_state *state, uint64_t epoch,
                         bool has_leftovers);

/* Nobody can say whether a batch has been committed: perhaps it has. */
void ledger_state_doubted(struct ledger_state *state);

/* A mark was confirmed, and next_epoch begins. True if that is news, to be
 * committed. */
bool ledger_state_confirmed(struct ledger_state *state, uint64_t next_epoch);

/* Its epoch has been committed. */
void ledger_state_committed(struct ledger_state *state, uint64_t epoch);

/* True if its epoch is still to be committed. */
bool ledger_state_is_ahead(const struct ledger_state *state);

#endif
