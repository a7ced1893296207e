/*
 * book_outlet.h - what must hold of stored messages on their way out. The book
 * records what destinations receive and what the inbox commits.
 *
 *   1. Every stored message reaches each destination that wants it (its queue,
 *      and by its rules), unless the destination refuses it or an operator
 *      skips it. No other message does.
 *   2. The messages of a queue arrive in the order in which they were stored.
 *   3. A message is sent again only if the process died between sending it and
 *      saving that, if the save at the end of the process failed, or if the
 *      process did not learn that it was received.
 *   4. Progress never passes a message that was not sent, filtered out,
 *      deferred, made a dead letter, or skipped.
 *   5. A message becomes a dead letter only if the destination refused it and
 *      has accepted another message that was sent after the process learned
 *      of that, or on an operator's decision.
 */
#ifndef TEST_SIM_BOOK_OUTLET_H
#define TEST_SIM_BOOK_OUTLET_H

#include "destination.h"
#include "store.h"

/* A process sends the message; it is received; the process learns that it was
 * received, or that it was refused. sent_at: destination->refused_count when it
 * was sent. */
void book_out_try(const struct destination *destination, struct store_row *row,
                  uint64_t life);
void book_out_received(struct destination *destination, struct store_row *row,
                       uint64_t life);
void book_out_refused(struct destination *destination, struct store_row *row);
void book_out_told(struct destination *destination, struct store_row *row,
                   uint64_t life, uint64_t sent_at);

/* The inbox commits it as a dead letter; the cursor passes it; or it is no
 * longer deferred. */
void book_out_buried(const struct destination *destination,
                     struct store_row *row);
void book_out_passed(const struct destination *destination,
                     struct store_row *row);

/* The process has died, or has ended without saving everything. */
void book_out_forgotten(struct destination *destination);

/* A message arrives that was sent by a host whose slot was taken over since. */
void book_out_late(struct destination *destination, struct store_row *row,
                   uint64_t life);

/* The slot was taken over; or a process has ended, and with it what that host
 * knew of its slots. */
void book_out_taken_over(struct world *world, unsigned slot);
void book_out_left(struct world *world, unsigned host);

/* The slot was handed over. What could not be saved may be sent again. */
void book_out_handed_over(struct world *world, unsigned slot);

/* After an orderly exit: checks that the process saved what it could. */
void book_out_check_saved(const struct destination *destination, uint64_t life);

/* The first message of the queue that is not finished, or NULL. */
struct store_row *book_out_head(const struct destination *destination,
                                const struct remote_queue *queue);

/* Checks that everything has arrived. */
void book_out_check_end(const struct destination *destination);

#endif
