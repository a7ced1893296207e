/*
 * disk.h - what of a sink outlasts the process: the record that
 * sinks/ledger_rules.h asks for, with transactions, and for a sink that is not
 * transactional the outlet behind it. The record is an inbox (messages and
 * epoch in one commit) or a ledger (what was sent out, and the epoch).
 */
#ifndef TEST_SIM_DISK_H
#define TEST_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "remote.h"
#include "sinks/ledger_rules.h"

#define DISK_QUEUES_MAX 24

struct world;

struct disk_row {
    uint64_t epoch;               /* */
    uint8_t key[LEDGER_KEY_SIZE]; /* */
};

struct disk_queue {
    uint64_t epoch;        /* */
    struct disk_row *rows; /* in the arena */
    uint32_t count;        /* */
    uint32_t capacity;     /* */
};

/* What the open transaction does for one queue. */
struct disk_part {
    struct remote_queue *queue; /* */
    struct token *token;        /* NULL: only its epoch */
    bool *is_new;               /* of the token's parts */
    uint64_t epoch;             /* of the batch */
    uint64_t confirm_number;    /* the newest that this commits */
};

/* How to undo one change. */
struct disk_undo {
    struct disk_queue *queue; /* */
    bool is_epoch;            /* of the queue, else of a row */
    uint32_t row;             /* */
    uint64_t epoch;           /* as it was; DISK_NO_ROW: it was not there */
};

struct disk {
    struct world *world;                         /* */
    unsigned index;                              /* */
    bool has_outlet;                             /* the record is a ledger */
    bool is_full;                                /* nothing can be written */
    bool is_out_of_reach;                        /* the outlet */
    bool is_slow;                                /* */
    struct disk_queue queues[DISK_QUEUES_MAX];   /* by their index */
    bool is_open;                                /* a transaction */
    bool is_sent;                                /* its news is at the outlet */
    struct disk_part parts[2 * DISK_QUEUES_MAX]; /* of it */
    unsigned part_count;                         /* */
    struct disk_undo *undo;                      /* owned; newest last */
    uint32_t undo_count;                         /* */
    uint32_t undo_capacity;                      /* */
};

/* What a new process reads. */
void disk_read(const struct disk *disk, const struct remote_queue *queue,
               struct ledger_state *state);

void disk_begin(struct disk *disk);

/* Brings the batch into the record, by ledger_add_batch(): 0 or, when one of
 * the operations fails, its error. */
int disk_add_batch(struct disk *disk, struct token *token,
                   struct ledger_batch *batch, uint64_t confirm_number);

void disk_raise_epoch(struct disk *disk, struct remote_queue *queue,
                      uint64_t epoch, uint64_t confirm_number);

/* Sends out what is new in the transaction; durable at once. */
void disk_send_out(struct disk *disk);

void disk_commit(struct disk *disk);

/* Nothing if no transaction is open. */
void disk_rollback(struct disk *disk);

void disk_free(struct disk *disk);

#endif
