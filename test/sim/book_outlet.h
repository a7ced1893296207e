/*
 * book_outlet.h - what must hold of stored messages on their way out, written
 * down from what destinations receive and from what the inbox commits:
 *
 *   1. Every stored message reaches each destination that wants its queue, but
 *      for those that it refuses or that an operator has skipped.
 *   2. Those of one queue come in the order of arrival.
 *   3. One comes again only if the process died between sending it and saving
 *      that, if the save failed at the process's end, or if the process was not
 *      told that it was received.
 *   4. Progress passes no message that was neither sent, nor filtered out, nor
 *      deferred, nor made a dead letter, nor skipped.
 *   5. A message becomes a dead letter only if the destination has refused it
 *      and has taken another one since, or if an operator says so.
 */
#ifndef TEST_SIM_BOOK_OUTLET_H
#define TEST_SIM_BOOK_OUTLET_H

#include "destination.h"
#include "store.h"

/* A process sends it, and it is received; the process hears that it was, or
 * that it was refused. */
void book_out_try(const struct destination *destination, struct store_row *row,
                  uint64_t life);
void book_out_received(struct destination *destination, struct store_row *row,
                       uint64_t life);
void book_out_refused(const struct destination *destination,
                      struct store_row *row);
void book_out_told(struct destination *destination, struct store_row *row,
                   uint64_t life);

/* The inbox commits it as a dead letter; the cursor passes it, or it is no
 * longer deferred. */
void book_out_buried(const struct destination *destination,
                     struct store_row *row);
void book_out_passed(const struct destination *destination,
                     struct store_row *row);

/* The process is gone, or has ended without having saved all. */
void book_out_forgotten(struct destination *destination);

/* A process has ended in order, and has saved what it could. */
void book_out_check_saved(const struct destination *destination, uint64_t life);

/* The first message of the queue that is not done; NULL: none. */
struct store_row *book_out_head(const struct destination *destination,
                                const struct remote_queue *queue);

/* All has come. */
void book_out_check_end(const struct destination *destination);

#endif
