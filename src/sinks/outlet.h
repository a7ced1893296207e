/*
 * outlet.h - where a sink with a ledger puts its messages: a folder, and
 * whatever else has no transactions of its own.
 *
 * The sink writes into its ledger which messages are about to go out, gives
 * them to the outlet, and notes in the ledger that they are out. So a message
 * goes out once more only if the process dies, or the outlet or the ledger
 * fails, in between.
 *
 * Each message has a place: its queue, the epoch in which it was to go out
 * first, and a number that the messages of one batch share. It keeps that
 * place whenever it goes out again, also after a crash, in another batch or in
 * a later epoch; and no other message ever gets it. So an outlet that passes
 * the place on lets its receivers tell repeats: what they had at a place
 * before, of equal messages as many as they had in one batch.
 */
#ifndef SINKS_OUTLET_H
#define SINKS_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"
#include "sinks/sink.h"

#define OUTLET_KEY_SIZE 16

struct outlet_place {
    uint64_t epoch;  /* of the queue */
    uint64_t number; /* within the epoch; it grows from batch to batch */
};

/* New messages of one delivery, all of one place. What is not set by the
 * outlet is borrowed. */
struct outlet_batch {
    const char *server;                          /* its name */
    const char *queue;                           /* its name */
    struct outlet_place place;                   /* */
    enum haplo_format format;                    /* RAW: of one message */
    const struct haplo_message *const *messages; /* in the server's order */
    size_t message_count;                        /* at least one */
    uint8_t key[OUTLET_KEY_SIZE]; /* a hash of the messages, in any order */
    bool *is_prepared; /* for the outlet's use: of the queue, false at first */
    /* set by the outlet */
    enum sink_verdict verdict;     /* ACCEPT: durable, see sink.h */
    char why[HAPLO_TEXT_SIZE_MAX]; /* one line, unless ACCEPT */
};

struct outlet;

struct outlet_type {
    /* Makes the batches durable and sets their verdicts. There is at least one
     * batch, and some may be of one queue. Blocking; on a worker thread, one
     * call at a time. */
    void (*deliver)(struct outlet *outlet, struct outlet_batch *batches,
                    size_t count);

    /* Frees it. Blocking; on a worker thread or the loop's. */
    void (*close)(struct outlet *outlet);
};

/* Every outlet begins with this. */
struct outlet {
    const struct outlet_type *type; /* */
};

#endif
