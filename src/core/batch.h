/*
 * batch.h - the memory of one batch: the body as received, the messages as
 * slices of it, the form that marks it, and the queue's state with it.
 *
 * Batches are reused: batch_reset() empties one, and frees what exceeds the
 * stated sizes, so that steady polling allocates nothing.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define BATCH_BODY_KEEP_SIZE_MAX 65536  /* a reset keeps this much of a body */
#define BATCH_MESSAGE_KEEP_COUNT_MAX 64 /* and this many message entries */
#define BATCH_FORM_KEEP_SIZE_MAX 4096   /* and this much of a form */
#define BATCH_STATE_KEEP_SIZE_MAX 4096  /* and this much of a state */
#define BATCH_MESSAGE_COUNT_MAX 1000000 /* an entry is larger than "{}," */

struct haplo_batch {
    struct haplo_queue *queue;      /* whose batch; borrowed */
    struct haplo_batch *next;       /* in a list of free batches */
    size_t counted_bytes;           /* its part of the budget; the owner's */
    char *body;                     /* owned */
    size_t body_size;               /* bytes received */
    size_t body_capacity;           /* bytes allocated */
    struct haplo_message *messages; /* owned; point into body */
    size_t message_count;           /* of those in use */
    size_t new_count;               /* of those that are no repeats */
    size_t message_capacity;        /* entries allocated */
    char *form;                     /* owned; "token=" + percent-encoded */
    size_t form_size;               /* 0: no token, nothing to mark */
    size_t form_capacity;           /* bytes allocated */
    uint8_t *state;                 /* owned; see delivery_state.h */
    size_t state_size;              /* 0: not evaluated yet */
    size_t state_capacity;          /* bytes allocated */
    bool is_accepted;               /* the application has stored the state */
};

/* NULL when there is no memory. */
struct haplo_batch *batch_new(void);

/* Empties it for its next use; its place in a list stays. */
void batch_reset(struct haplo_batch *batch);

/* Moves the form and the state of a batch, and whose it is, into an empty one:
 * what is needed of it once it is accepted. The first one then has neither. */
void batch_move_token(struct haplo_batch *to, struct haplo_batch *from);

/* Frees it and all it owns; NULL is fine. */
void batch_free(struct haplo_batch *batch);

/* Makes room for size more bytes of body: 0 or HAPLO_ENOMEM. Grows by
 * doubling; the body may move, and the messages' slices move with it. */
int batch_reserve(struct haplo_batch *batch, size_t size);

/* Appends body bytes: 0 or HAPLO_ENOMEM. */
int batch_append(struct haplo_batch *batch, const char *data, size_t size);

/* Adds a zeroed message entry; NULL when there is no memory, or at
 * BATCH_MESSAGE_COUNT_MAX. */
struct haplo_message *batch_add_message(struct haplo_batch *batch);

/* Makes room for a state of size bytes, whose bytes are then undefined: 0 or
 * HAPLO_ENOMEM. */
int batch_reserve_state(struct haplo_batch *batch, size_t size);

/* Bytes that it holds allocated: what the byte budget counts. */
size_t batch_allocated_bytes(const struct haplo_batch *batch);

#endif
