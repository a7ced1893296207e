/*
 * inbox_write.h - transactions on an open inbox: begin, any number of batches
 * and epochs, commit. After any fault: rollback, and nothing of it is stored.
 * Blocking.
 */
#ifndef SINKS_INBOX_WRITE_H
#define SINKS_INBOX_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"
#include "sinks/inbox_error.h"
#include "sinks/inbox_store.h"

/* Each leaves one line about a fault in store->why. */

enum inbox_fault inbox_begin(struct inbox_store *store);

/* Adds the messages that are not there yet, and counts both kinds; raises the
 * queue's epoch to the batch's. Borrows the batch. */
enum inbox_fault inbox_add_batch(struct inbox_store *store, const char *server,
                                 const char *queue,
                                 const struct haplo_batch *batch,
                                 uint64_t received_at_ms, size_t *stored_count,
                                 size_t *repeat_count);

/* Raises the queue's epoch; a higher one on record stays. */
enum inbox_fault inbox_raise_epoch(struct inbox_store *store,
                                   const char *server, const char *queue,
                                   uint64_t epoch);

/* Durable when it returns INBOX_FINE. */
enum inbox_fault inbox_commit(struct inbox_store *store);

/* Nothing if no transaction is open. */
void inbox_rollback(struct inbox_store *store);

#endif
