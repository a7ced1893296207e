/*
 * record_write.h - transactions on an open record: begin, any number of batches
 * and epochs, commit. After any fault: rollback, and nothing of it is stored.
 * Blocking.
 */
#ifndef SINKS_RECORD_WRITE_H
#define SINKS_RECORD_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"
#include "sinks/ledger_rules.h"
#include "sinks/outlet.h"
#include "sinks/record_error.h"
#include "sinks/record_store.h"

/* Each leaves one line about a fault in store->why. */

enum record_fault record_begin(struct record_store *store);

/* A message that is to go out. */
struct record_new {
    const struct haplo_message *message; /* */
    struct outlet_place place;           /* */
};

struct record_batch_write {
    const char *server;           /* borrowed */
    const char *queue;            /* borrowed */
    uint64_t received_at_ms;      /* Unix time */
    struct ledger_batch ledger;   /* what is added; its counts are set */
    struct record_new *new_items; /* NULL, or has room for all: gets those that
                                     are to go out, ledger.new_count */
    uint64_t place_number;        /* set if new_items is */
};

/* Adds the messages that are not there yet, as ledger_rules.h has it. */
enum record_fault record_add_batch(struct record_store *store,
                                   struct record_batch_write *write);

/* Raises the queue's epoch; a higher one on record stays. */
enum record_fault record_raise_epoch(struct record_store *store,
                                     const char *server, const char *queue,
                                     uint64_t epoch);

/* Durable when it returns RECORD_FINE. */
enum record_fault record_commit(struct record_store *store);

/* Notes that the batch's messages of that place are out. */
enum record_fault record_out(struct record_store *store,
                             const struct record_batch_write *write,
                             struct outlet_place place);

/* Nothing if no transaction is open. */
void record_rollback(struct record_store *store);

#endif
