/*
 * book.h - what must hold of messages. The book records what servers do, which
 * responses arrive and what becomes durable. It knows nothing of the product's
 * keys or states.
 *
 * A message is *confirmed* when a response has arrived from which a client can
 * tell that the server has marked it, and the inbox has committed the
 * resulting state. Such responses are:
 *
 *   - a complete response to a mark of a batch that contains the message, with
 *     its counts. An exception is a token that was posted for the first time
 *     and sent once, if nothing was marked although messages are unread or
 *     their number is not reported;
 *   - a response that reports no unread messages: an empty batch, or the end
 *     of a mark. It confirms every message that was stored before and is not
 *     unread.
 *
 * A crash between the response and the commit undoes the confirmation. Then:
 *
 *   1. A stored message is a repeat if and only if it was stored before and
 *      has not been confirmed since. Otherwise it is new.
 *   2. A message is stored as new once for its posting, and once for each time
 *      that it was unsent.
 *   3. A message that was posted, or was unsent while confirmed, is owed until
 *      it is stored as new. A mark of ours never marks a message that is owed.
 *
 * No client can distinguish the following cases, so they are allowed:
 *
 *   - A message that is unsent while it is not confirmed may be taken for a
 *     repeat. The time between response and commit counts as unconfirmed only
 *     if the process dies in it or a second process stores the queue; so does
 *     the time in which the second process holds a token of the message.
 *   - Messages are equal byte for byte, and a mark between them was lost
 *     (is_ambiguous).
 *   - A message that is owed is marked before it is stored here, by another
 *     consumer, or by a request of ours that the server carries out after the
 *     client has timed out or died (is_taken).
 */
#ifndef TEST_SIM_BOOK_H
#define TEST_SIM_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "haplopoll.h"
#include "message.h"
#include "remote.h"

struct process;
struct seen_queue;
struct world;

/* On the server */

void book_posted(struct world *world, struct message *message);
void book_unsent(struct world *world, const struct remote_queue *queue,
                 struct message *message);
void book_marked(struct world *world, const struct remote_queue *queue,
                 struct message *message, enum marker marker);

/* A cache sends it again. It may be stored once more, but need not be. */
void book_replayed(struct message *message);

/* At the client */

/* A complete response has arrived. token: of a mark, else NULL. */
void book_answered(struct world *world, struct seen_queue *queue,
                   const struct token *token, const struct answer *answer,
                   bool is_repeated);

/* The inbox is asked to store the newest confirmation with that state. */
void book_told_inbox(struct seen_queue *queue, struct haplo_slice state);

/* The number of the confirmation that came with that state. */
uint64_t book_number_of(const struct seen_queue *queue,
                        struct haplo_slice state);

/* Checks that the inbox was asked to store every confirmation. */
void book_check_told(struct world *world);

/* A process has ended; or it starts. */
void book_ended(struct process *process);
void book_started(struct process *process);

/* In the inbox */

/* The process's confirmations up to that number are committed. */
void book_durable(struct world *world, const struct seen_queue *queue,
                  uint64_t confirm_number);

/* The queue's batch is committed. is_new: for each part, whether it was stored
 * as new. */
void book_stored(struct world *world, struct seen_queue *queue,
                 const bool *is_new);

/* What a backup of an inbox contains of a message. */
struct book_copy {
    uint8_t standing[MESSAGE_TWINS_MAX]; /* of its content */
    unsigned stored_count;               /* the same */
    int stored_generation;               /* its own */
};
struct book_copy book_copy_of(const struct message *message);

/* The backup becomes the inbox: for each message of a queue, then for the
 * queue. */
void book_restore(struct message *message, const struct book_copy *copy);
void book_restored(struct world *world, const struct remote_queue *queue);

/* The process goes on from what is stored; what it has heard since, it
 * forgets. */
void book_reread(struct seen_queue *queue);

/* What a state that was committed over a restore says of it: how many copies
 * are not confirmed. */
void book_is_open(struct content *content, unsigned count);

/* Of what is stored and not confirmed, the state does not hold this any more:
 * it may be stored again. */
void book_dropped(struct content *content);

/* At the end */

/* True if every message is stored and confirmed. */
bool book_is_settled(const struct remote_queue *queue);

/* Checks that nothing is owed. */
void book_check_end(struct world *world);

#endif
