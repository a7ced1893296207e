/*
 * book.h - what must hold of messages, written down from what servers do, from
 * the answers that arrive and from what gets durable; it knows nothing of
 * keys or states of the product.
 *
 * A message is *confirmed* when an answer has arrived from which a client can
 * tell that the server has marked it, and when the state that follows from it
 * has been committed by the inbox. Such answers are:
 *
 *   - a whole one to a mark of a batch that holds it, with its counts; unless
 *     the token was posted for the first time, was sent once, and nothing was
 *     marked while messages are unread, or their number is not told;
 *   - one which says that nothing is unread, an empty batch or the end of a
 *     mark: what was stored before and is not unread has been marked.
 *
 * A crash between answer and commit undoes it. Then:
 *
 *   1. What is stored is a repeat if, and only if, it was stored before and
 *      no confirmation of it has come since; else it is new.
 *   2. A message is stored as new once for its posting, and once for each
 *      time that it was unsent.
 *   3. What was posted, or was unsent while confirmed, is owed until it is
 *      new in the inbox. A mark of ours never takes a message that is owed.
 *
 * What nobody can tell, and what is therefore let pass:
 *
 *   - a message is unsent while it is not confirmed: it may be taken for a
 *     repeat. The time between answer and commit counts as such only if the
 *     process dies in it, or a second one stores the queue; so does the time
 *     in which the second one has a token of it;
 *   - messages that are equal to the last byte, where a mark was lost between
 *     the one and the other (is_ambiguous);
 *   - a message that is owed is marked by another consumer before it was
 *     stored here, or by a request of ours that the server carries out after
 *     the client has given it up, or has died: a time-out does not say that
 *     nothing will happen any more (is_taken).
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

/* At the client */

/* A whole answer has arrived; token: of a mark, else NULL. */
void book_answered(struct world *world, struct seen_queue *queue,
                   const struct token *token, const struct answer *answer,
                   bool is_repeated);

/* The inbox is told of the newest confirmation, with that state. */
void book_told_inbox(struct seen_queue *queue, struct haplo_slice state);

/* Which confirmation it was that came with that state. */
uint64_t book_number_of(const struct seen_queue *queue,
                        struct haplo_slice state);

/* What was confirmed must have been told to the inbox by now. */
void book_check_told(struct world *world);

/* A process is gone; it starts. */
void book_ended(struct process *process);
void book_started(struct process *process);

/* In the inbox */

/* The process's confirmations up to that one are committed. */
void book_durable(struct world *world, const struct seen_queue *queue,
                  uint64_t confirm_number);

/* The queue's batch is committed; is_new: by part, whether it was stored as
 * new. */
void book_stored(struct world *world, struct seen_queue *queue,
                 const bool *is_new);

/* What an older copy of an inbox knows of a message. */
struct book_copy {
    uint8_t standing[MESSAGE_TWINS_MAX]; /* of its content */
    unsigned stored_count;               /* the same */
    int stored_generation;               /* its own */
};
struct book_copy book_copy_of(const struct message *message);

/* That copy is the inbox now: for each message of a queue, then for it. */
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

/* True if all is stored and confirmed. */
bool book_is_settled(const struct remote_queue *queue);

/* Nothing is owed any more. */
void book_check_end(struct world *world);

#endif
