/*
 * sink.h - a sink of the running process, in the way of sinks/sqlite.c: group
 * commit over queues, one group at a time, epochs with the next group. Two
 * kinds, by their disk:
 *
 *   - transactional: messages and epochs in one commit, then the answers;
 *   - with an outlet behind a ledger: BEGIN, the rows, the outlet durably, the
 *     COMMIT, then the answers.
 */
#ifndef TEST_SIM_SINK_H
#define TEST_SIM_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "disk.h"
#include "remote.h"
#include "sinks/ledger_rules.h"

struct haplo_batch;
struct process;
struct sink;

/* As struct sink_verdict of sinks/sink.h. */
enum verdict { VERDICT_ACCEPT, VERDICT_RETRY, VERDICT_REJECT };

struct sink_queue {
    struct remote_queue *remote;  /* */
    struct sink *sink;            /* */
    struct ledger_state ledger;   /* */
    bool is_open;                 /* */
    bool is_listed;               /* epoch waits to be stored */
    uint64_t writing_epoch;       /* */
    bool writing_leftovers;       /* */
    uint64_t confirm_number;      /* the book's, with ledger.epoch */
    uint64_t writing_number;      /* with writing_epoch */
    TAILQ_ENTRY(sink_queue) link; /* in a list of epochs */
};

/* Embedded in its owner. */
struct delivery {
    struct sink_queue *queue;   /* */
    struct haplo_batch *batch;  /* borrowed */
    struct token *token;        /* of the batch */
    uint64_t received_at_ms;    /* wall clock */
    uint64_t confirm_number;    /* the book's, when it was given */
    enum verdict verdict;       /* */
    TAILQ_ENTRY(delivery) link; /* */
};

TAILQ_HEAD(delivery_list, delivery);
TAILQ_HEAD(sink_queue_list, sink_queue);

struct sink {
    struct process *process;                   /* */
    struct disk *disk;                         /* */
    struct sink_queue queues[DISK_QUEUES_MAX]; /* by their index */
    struct delivery_list waiting;              /* in line */
    struct sink_queue_list confirmed;          /* epochs in line */
    struct delivery_list group;                /* being written */
    struct sink_queue_list group_confirmed;    /* the same */
    bool group_failed;                         /* */
    bool is_busy;                              /* a group is written */
    bool is_kicked;                            /* one will start */
    bool is_closing;                           /* */
    bool is_confirm_due;                       /* epochs may go alone */
};

void sink_open(struct sink *sink, struct process *process, struct disk *disk);

struct sink_queue *sink_queue_open(struct sink *sink,
                                   struct remote_queue *remote);
void sink_queue_close(struct sink_queue *queue);

/* Fill queue, batch and token. Answered by gather_delivered(). */
void sink_deliver(struct sink *sink, struct delivery *delivery);

void sink_confirmed(struct sink *sink, struct sink_queue *queue,
                    uint64_t epoch);

/* Finishes, then calls gather_sink_closed(). */
void sink_close(struct sink *sink);

#endif
