/*
 * produce.h - what the bare producers share: programs that send messages as
 * fast as a client library can with the guarantees of haplo-poll's outlet or
 * inbox, but from memory, and without remembering how far they are.
 *
 *     produce_X DESTINATION MESSAGES QUEUES BODY_SIZE
 *
 * Each prints what it took, as JSON, from the first message to the last
 * acknowledgement.
 */
#ifndef BENCH_PRODUCE_H
#define BENCH_PRODUCE_H

#include <stddef.h>

#define PRODUCE_TEXT_SIZE 128

struct produce {
    const char *destination; /* as the library wants it */
    size_t count;            /* messages */
    size_t queue_count;      /* of which each has the same number */
    size_t body_size;        /* bytes of a message */
    char *body;              /* owned; of every message */
};

/* The metadata of a message, as outlets send them. */
struct produce_message {
    char queue[PRODUCE_TEXT_SIZE];   /* "q17" */
    char subject[PRODUCE_TEXT_SIZE]; /* "haplo.app1.q17" */
    char key[PRODUCE_TEXT_SIZE];     /* "app1/q17" */
    char id[PRODUCE_TEXT_SIZE];      /* its identity */
    char arrival[PRODUCE_TEXT_SIZE]; /* its number */
};

/* Reads the command line; exits if it is wrong. */
void produce_init(struct produce *produce, int count, char **arguments);

void produce_free(struct produce *produce);

/* The message of this number; those of a queue come in batches of 16. */
void produce_message(const struct produce *produce, size_t number,
                     struct produce_message *message);

/* Starts the clocks. */
void produce_begin(void);

/* Prints what it took since then. */
void produce_end(const struct produce *produce);

/* Prints what failed, and exits. */
_Noreturn void produce_fail(const char *what, const char *why);

#endif
