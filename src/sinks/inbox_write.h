/*
 * inbox_write.h - transactions on an open inbox: begin, any number of batches
 * and epochs, commit. After any fault: rollback, and nothing of it is stored.
 * Blocking.
 */
#ifndef SINKS_INBOX_WRITE_H
#define SINKS_INBOX_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"
#include "sinks/inbox_error.h"
#include "sinks/inbox_store.h"
#include "sinks/ledger_rules.h"

/* Each leaves one line about a fault in store->why. */

enum inbox_fault inbox_begin(struct inbox_store *store);

struct inbox_batch_write {
    const char *server;         /* borrowed */
    const char *queue;          /* borrowed */
    uint64_t received_at_ms;    /* Unix time */
    struct ledger_batch ledger; /* what is added; its counts are set */
};

/* Adds the messages that are not there yet, as ledger_rules.h has it. */
enum inbox_fault inbox_add_batch(struct inbox_store *store,
                                 struct inbox_batch_write *write);

/* Raises the queue's epoch; a higher one on record stays. */
enum inbox_fault inbox_raise_epoch(struct inbox_store *store,
                                   const char *server, const char *queue,
                                   uint64_t epoch);

/* Durable when it returns INBOX_FINE. */
enum inbox_fault inbox_commit(struct inbox_store *store);

/* Nothing if no transaction is open. */
void inbox_rollback(struct inbox_store *store);

#endif
