/*
 * record_queue.h - the queues of a record and their epochs, as known in memory,
 * which is ahead of the file between a confirmed mark and its commit.
 *
 * A record lives as long as the sink, so that an epoch which is still to be
 * stored survives the queue's closing, and is seen by its next opening.
 */
#ifndef SINKS_RECORD_QUEUE_H
#define SINKS_RECORD_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "sinks/sink.h"

struct record_queue {
    struct sink_queue base;    /* names point into the record */
    uint64_t writing_epoch;    /* what the running transaction stores */
    bool writing_leftovers;    /* the same: whether some were carried over */
    bool is_known;             /* its ledger has been set */
    bool is_open;              /* */
    bool is_prepared;          /* the outlet's, see outlet.h */
    bool is_listed;            /* in one of the two lists below */
    struct record_queue *next; /* waiting to be stored, or being stored */
    char names[];              /* server, NUL, queue, NUL */
};

/* All records, by server and queue. Zeroed: none. */
struct record_queue_set {
    void *root; /* of tsearch() */
};

/* Finds or makes a record; NULL when there is no memory. Copies the names. */
struct record_queue *record_queue_get(struct record_queue_set *set,
                                      struct sink *sink, const char *server,
                                      const char *queue);

void record_queue_set_free(struct record_queue_set *set);

/* A list that gives back what came first. Zeroed: empty. */
struct record_queue_list {
    struct record_queue *first; /* */
    struct record_queue *last;  /* */
};

void record_queue_push(struct record_queue_list *list,
                       struct record_queue *queue);

/* NULL if it is empty. */
struct record_queue *record_queue_shift(struct record_queue_list *list);

#endif
