/*
 * progress.h - how far an outlet has come, as it is to be stored in one
 * transaction: the cursor, and what the cursor alone cannot say. Pure.
 */
#ifndef CORE_PROGRESS_H
#define CORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of one queue with consecutive arrivals. */
struct arrival_range {
    uint64_t queue_id; /* the inbox's number of the queue */
    uint64_t first;    /* arrival of the first */
    uint32_t count;    /* how many */
};

struct arrival_ranges {
    struct arrival_range *items; /* owned */
    size_t count;                /* used */
    size_t capacity;             /* allocated */
    size_t message_count;        /* in all of them */
};

struct dead_letter {
    uint64_t queue_id; /* whose message */
    uint64_t arrival;  /* which one */
    char *why;         /* it was refused: one line; owned */
};

/* To be set up with progress_init(). */
struct progress {
    uint64_t cursor;                /* all up to it is done, or deferred */
    uint64_t lowest;                /* arrival in any list; UINT64_MAX: none */
    struct arrival_ranges deferred; /* passed by the cursor, not done */
    struct arrival_ranges settled;  /* deferred before, done now */
    struct dead_letter *dead_letters; /* owned */
    size_t dead_letter_count;         /* used */
    size_t dead_letter_capacity;      /* allocated */
};

void progress_init(struct progress *progress);

/* Each adds what was not added before; false if there is no memory. Deferring
 * comes before settling, so what is deferred and settled at once is settled. */
bool progress_defer(struct progress *progress, uint64_t queue_id,
                    uint64_t first, uint32_t count);
bool progress_settle(struct progress *progress, uint64_t queue_id,
                     uint64_t first, uint32_t count);
bool progress_bury(struct progress *progress, uint64_t queue_id,
                   uint64_t arrival, const char *why);

/* Moves all up to the cursor, which becomes that of `to`, there: false if there
 * is no memory, and then nothing is moved. What is behind the cursor would be
 * read again after a crash, so none of it may be stored before. */
bool progress_move(struct progress *from, struct progress *to, uint64_t cursor);

/* Empties it, and keeps some memory for the next time. */
void progress_clear(struct progress *progress);

void progress_free(struct progress *progress);

#endif
