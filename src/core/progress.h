/*
 * progress.h - the progress of an outlet, as stored in one transaction: the
 * cursor, and what the cursor alone cannot express; or positions in queues.
 * Pure.
 */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of one queue with consecutive arrivals. */
struct arrival_range {
    uint64_t queue_id; /* id of the queue in the inbox */
    uint64_t first;    /* arrival of the first */
    uint32_t count;    /* how many */
};

struct arrival_ranges {
    struct arrival_range *items; /* owned */
    size_t count;                /* items in use */
    size_t capacity;             /* items allocated */
    size_t message_count;        /* messages in all ranges */
};

/* How far an outlet has got in a queue. */
struct queue_position {
    uint64_t queue_id; /* id of the queue in the inbox */
    uint64_t arrival;  /* everything up to it is done */
};

struct dead_letter {
    uint64_t queue_id; /* queue of the message */
    uint64_t arrival;  /* its arrival */
    char *why;         /* owned; why it was refused */
    unsigned tries;    /* how often it was sent */
};

/* Initialise it with progress_init(). */
struct progress {
    uint64_t cursor; /* everything up to it is done or deferred */
    uint64_t lowest; /* lowest arrival in any list; UINT64_MAX: none */
    struct arrival_ranges deferred;   /* passed by the cursor, but not done */
    struct arrival_ranges settled;    /* deferred before, done now */
    struct queue_position *positions; /* owned; instead of all above */
    size_t position_count;            /* used */
    size_t position_capacity;         /* allocated */
    struct dead_letter *dead_letters; /* owned */
    size_t dead_letter_count;         /* used */
    size_t dead_letter_capacity;      /* allocated */
};

void progress_init(struct progress *progress);

/* Each adds what has not been added before; false if memory runs out.
 * Deferring is stored before settling, so what is both is settled. */
bool progress_defer(struct progress *progress, uint64_t queue_id,
                    uint64_t first, uint32_t count);
bool progress_settle(struct progress *progress, uint64_t queue_id,
                     uint64_t first, uint32_t count);
bool progress_bury(struct progress *progress, uint64_t queue_id,
                   uint64_t arrival, const char *why, unsigned tries);

/* The same; once for each queue. */
bool progress_place(struct progress *progress, uint64_t queue_id,
                    uint64_t arrival);

/* Moves everything up to the cursor to `to`, whose cursor it becomes. False if
 * memory runs out; then nothing is moved. What is after the cursor would be
 * read again after a crash, so it must not be stored yet. */
bool progress_move(struct progress *from, struct progress *to, uint64_t cursor);

/* Empties it, but keeps some memory for reuse. */
void progress_clear(struct progress *progress);

void progress_free(struct progress *progress);

#endif
