/*
 * batch.h - the memory of one batch: the body as received, the messages as
 * slices of it, the form that marks it, and the state of the queue that goes
 * with it.
 *
 * Batches are reused. batch_reset() empties one and frees memory above the
 * limits below, so that steady polling allocates nothing.
 *
 * The application gets a handle, which is valid only until it answers
 * (batch_lend, batch_return). As batches are freed only when the poller is
 * closed, a stale handle can be recognised by its serial number.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define BATCH_BODY_KEEP_SIZE_MAX 65536  /* a reset keeps a body of this size */
#define BATCH_MESSAGE_KEEP_COUNT_MAX 64 /* this many message entries */
#define BATCH_FORM_KEEP_SIZE_MAX 4096   /* a form of this size */
#define BATCH_STATE_KEEP_SIZE_MAX 4096  /* a state of this size */
#define BATCH_MESSAGE_COUNT_MAX 1000000 /* entries are larger than "{}," */

struct batch {
    uint64_t serial;                /* of the valid handle; 0: none */
    struct haplo_queue *queue;      /* borrowed; whose batch it is */
    struct batch *next;             /* in a list of free batches */
    size_t counted_bytes;           /* its share of the budget; the owner's */
    char *body;                     /* owned */
    size_t body_size;               /* bytes received */
    size_t body_capacity;           /* bytes allocated */
    struct haplo_message *messages; /* owned; point into body */
    size_t message_count;           /* entries in use */
    size_t new_count;               /* messages that are not repeats; also of
                                       a token */
    size_t message_capacity;        /* entries allocated */
    const char *form_field;         /* borrowed; NULL: "token" */
    char *form;                     /* owned; "token=" and the encoded token */
    size_t form_size;               /* 0: no token, nothing to mark */
    size_t form_capacity;           /* bytes allocated */
    uint8_t *state;                 /* owned; see delivery_state.h */
    size_t state_size;              /* 0: not evaluated yet */
    size_t state_capacity;          /* bytes allocated */
    bool is_accepted;               /* the application has stored it */
};

/* NULL if memory runs out. */
struct batch *batch_new(void);

/* Makes the handle under which the application gets the batch. serial must be
 * neither 0 nor that of any other delivery. */
struct haplo_batch batch_lend(struct batch *batch, uint64_t serial);

/* The batch that was lent under this handle; NULL if the handle is stale. */
struct batch *batch_lent(struct haplo_batch handle);

/* Makes its handle stale. */
void batch_return(struct batch *batch);

/* Empties it for reuse. It stays in its list. */
void batch_reset(struct batch *batch);

/* For an empty batch that is kept for reuse: what is left of it must not be
 * read until batch_show() (see alloc_hide()). */
void batch_hide(const struct batch *batch);
void batch_show(const struct batch *batch);

/* Moves form, state and owner of a batch into an empty one, and new_count.
 * This is all that is needed once it is accepted. */
void batch_move_token(struct batch *to, struct batch *from);

/* Frees it and everything it owns; batch may be NULL. */
void batch_free(struct batch *batch);

/* Makes room for size more bytes of body, by doubling. The body may move; the
 * slices of the messages move with it. Returns 0 or HAPLO_ENOMEM. */
int batch_reserve(struct batch *batch, size_t size);

/* Appends body bytes: 0 or HAPLO_ENOMEM. */
int batch_append(struct batch *batch, const char *data, size_t size);

/* Adds a zeroed message entry. NULL if memory runs out, or at
 * BATCH_MESSAGE_COUNT_MAX. */
struct haplo_message *batch_add_message(struct batch *batch);

/* Makes room for a state of size bytes, with undefined content. Returns 0 or
 * HAPLO_ENOMEM. */
int batch_reserve_state(struct batch *batch, size_t size);

/* Allocated bytes, as counted by the byte budget. */
size_t batch_allocated_bytes(const struct batch *batch);

#endif
