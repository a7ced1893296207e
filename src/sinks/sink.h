/*
 * sink.h - where messages go. The daemon gives each batch to its queue's sink
 * and answers the library with what the sink says.
 *
 * A sink's accept means durable: after it, a power cut loses nothing.
 *
 * Threads: all functions are called, and all callbacks fire, on the loop's
 * thread; a sink does its blocking work on libuv's threadpool.
 */
#ifndef SINKS_SINK_H
#define SINKS_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "haplopoll.h"

struct sink;
struct sink_queue; /* what a sink keeps of one queue */
struct sink_delivery;

enum sink_verdict {
    SINK_ACCEPT, /* durable */
    SINK_RETRY,  /* not now: disk full, locked, no connection ... */
    SINK_REJECT  /* never will */
};

/* Fires once for each sink_deliver(), from the loop, never inside it. Its
 * text (one line, "" with SINK_ACCEPT) is borrowed. */
typedef void (*sink_delivered_cb)(struct sink_delivery *delivery,
                                  enum sink_verdict verdict, const char *text);

/* Embedded in its owner; fill the first part. Batch and delivery are borrowed
 * until delivered_cb. */
struct sink_delivery {
    struct sink_queue *queue;       /* */
    const struct haplo_batch *batch; /* */
    uint64_t received_at_ms;        /* wall clock, Unix milliseconds */
    sink_delivered_cb delivered_cb; /* */
    /* set by the sink before delivered_cb */
    size_t stored_count;            /* messages new to the sink */
    size_t repeat_count;            /* messages it had already */
    /* the sink's own */
    struct sink_delivery *next;     /* in a list of the sink */
};

/* Fires once, from the loop. */
typedef void (*sink_close_cb)(void *data);

/* What each kind of sink provides; see sqlite.h for one. */
struct sink_type {
    const char *name; /* as in the configuration: "sqlite" */

    /* Finds or makes the queue's record. *epoch is what is stored, 0 for a
     * new queue. Blocking; used at start and reload only. 0, or HAPLO_E*
     * with why set. The names are copied. */
    int (*queue_open)(struct sink *sink, const char *server, const char *queue,
                      struct sink_queue **out, uint64_t *epoch, char *why,
                      size_t why_size);

    void (*queue_close)(struct sink_queue *queue);

    /* Stores a batch. Always answers by delivered_cb. */
    void (*deliver)(struct sink *sink, struct sink_delivery *delivery);

    /* Stores the epoch after a confirmed mark. No answer: it is written with
     * the next group commit, which starts at once; a crash before it only
     * makes a resend look like a repeat. Retried until it is stored. */
    void (*confirmed)(struct sink *sink, struct sink_queue *queue,
                      uint64_t epoch);

    /* Finishes what was given to it, then frees the sink; close_cb fires
     * once from the loop. All its queues must have been closed... */
    void (*close)(struct sink *sink, sink_close_cb close_cb, void *data);
};

/* Every sink begins with this. */
struct sink {
    const struct sink_type *type; /* */
    const char *name;             /* of the configuration; owned by the sink */
};

#endif
