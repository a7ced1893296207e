/*
 * sink.h - where messages go. The daemon gives each batch to its queue's sink
 * and answers the library with what the sink says.
 *
 * A sink's accept means durable: after it, a power cut loses nothing.
 *
 * Threads: all functions are called, and all callbacks fire, on the loop's
 * thread; a sink does its blocking work on libuv's threadpool, which may read
 * the batch while the sink borrows it.
 */
#ifndef SINKS_SINK_H
#define SINKS_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "haplopoll.h"
#include "sinks/ledger_rules.h"

struct sink;
struct sink_delivery;

/* What a sink keeps of one queue begins with this. */
struct sink_queue {
    struct sink *sink;          /* whose queue */
    const char *server;         /* its server's name; owned by the sink */
    const char *queue;          /* its own name; owned by the sink */
    struct ledger_state ledger; /* epoch, and what is not confirmed */
};

enum sink_verdict {
    SINK_ACCEPT, /* durable */
    SINK_RETRY,  /* not now: disk full, locked, no connection ... */
    SINK_REJECT  /* never will */
};

/* Fires once for each delivery given to deliver(), from the loop, never inside
 * it. Its text (one line, "" with SINK_ACCEPT) is borrowed. The delivery is
 * its owner's again: it may free it, deliver it once more, or call any
 * function of the sink, also close(). */
typedef void (*sink_delivered_cb)(struct sink_delivery *delivery,
                                  enum sink_verdict verdict, const char *text);

/* Embedded in its owner; fill the first part. Batch and delivery are borrowed
 * until delivered_cb. */
struct sink_delivery {
    struct sink_queue *queue;        /* open, of this sink */
    const struct haplo_batch *batch; /* not answered yet */
    uint64_t received_at_ms;         /* wall clock, Unix milliseconds */
    enum haplo_format format;        /* of its queue */
    sink_delivered_cb delivered_cb;  /* */
    /* set by the sink before delivered_cb; both 0 unless SINK_ACCEPT */
    size_t stored_count; /* messages new to the sink */
    size_t repeat_count; /* messages it had already */
    /* the sink's own */
    struct sink_delivery *next; /* in a list of the sink */
    size_t out_first;           /* what its outlet is given of it: */
    size_t out_count;           /* so many batches of the group */
};

/* Fires once, from the loop; the sink and its queues are gone. */
typedef void (*sink_close_cb)(void *data);

/* What each type of sink provides. */
struct sink_type {
    const char *name; /* as in the configuration: "sqlite" */

    /* Finds or makes the queue's record; its ledger has what is stored, or
     * what confirmed() said and is still to be stored. May block; used at
     * start and reload only. Copies the names. 0, or HAPLO_EEXIST (it is
     * open), HAPLO_EINVAL, HAPLO_ENOMEM with why set, and then *out is NULL. */
    int (*queue_open)(struct sink *sink, const char *server, const char *queue,
                      struct sink_queue **out, char *why, size_t why_size);

    /* No delivery of the queue may be under way. An epoch that is still to be
     * stored will be. */
    void (*queue_close)(struct sink_queue *queue);

    /* Stores a batch and, with it, the batch's epoch as the queue's. Always
     * answers by delivered_cb, and in the order of the calls for one queue. */
    void (*deliver)(struct sink *sink, struct sink_delivery *delivery);

    /* Stores the epoch after a confirmed mark. No answer: it is written with
     * the next group commit, which starts at once; a crash before it only
     * makes a resend look like a repeat. Retried until it is stored. A stored
     * epoch never goes backwards, whatever the order of the calls. */
    void (*confirmed)(struct sink *sink, struct sink_queue *queue,
                      uint64_t epoch);

    /* Finishes and answers what was given to it (epochs are tried once more,
     * not for ever), frees the sink and its queues, open or not; close_cb
     * then fires once. Nothing may be called on the sink after close(), not
     * even by the delivered_cb that still fire, so close it after the poller
     * has stopped and before the batches' memory goes. */
    void (*close)(struct sink *sink, sink_close_cb close_cb, void *data);
};

/* Every sink begins with this. */
struct sink {
    const struct sink_type *type; /* */
    const char *name;             /* of the configuration; owned by the sink */
};

#endif
