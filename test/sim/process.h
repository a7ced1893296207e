/*
 * process.h - the memory of one running haplo-poll: all of it is gone with a
 * crash. poll.c does with it what src/poller/poller.c does, gather.c what
 * src/daemon/gather.c does, both in the same order of calls.
 */
#ifndef TEST_SIM_PROCESS_H
#define TEST_SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/batch.h"
#include "core/fetch_format.h"
#include "core/scheduler.h"
#include "guard.h"
#include "sink.h"
#include "wire.h"

#define PROCESS_SERVERS_MAX 4
#define PROCESS_SINKS_MAX 2

struct poll_server {
    struct server core;           /* */
    struct process *process;      /* */
    struct remote_server *remote; /* */
    struct guard_server guard;    /* */
};

struct poll_queue {
    struct queue core;                 /* its state machine */
    struct process *process;           /* */
    struct poll_server *server;        /* */
    struct remote_queue *remote;       /* */
    struct sink_queue *sink_queue;     /* */
    TAILQ_ENTRY(poll_queue) gone_link; /* among those to be freed */
    int key;                           /* */
    int next_key;                      /* for the next request; -1: none */
    bool is_removing;                  /* to be freed once PAUSED */
    bool is_gone;                      /* PAUSED, and in the list of those */
    struct exchange *request;          /* in flight, or NULL */
    struct haplo_batch *batch;         /* at hand, or NULL */
    struct token *token;               /* of that; only the guard looks */
    size_t held_bytes;                 /* its part of the scheduler's */
    struct delivery delivery;          /* of the batch */
    struct guard_queue guard;          /* */
};

TAILQ_HEAD(poll_queue_list, poll_queue);

enum process_phase { PROCESS_RUNNING, PROCESS_STOPPING };

struct process {
    struct world *world;                             /* */
    uint64_t life;                                   /* which one it is */
    struct scheduler scheduler;                      /* */
    struct fetch_format format;                      /* */
    enum process_phase phase;                        /* */
    bool is_pumping;                                 /* */
    bool has_stopped;                                /* drained, or too late */
    bool is_closing;                                 /* the sinks are */
    uint64_t armed_ms;                               /* HEAP_NEVER */
    uint64_t arm_number;                             /* of the timer's event */
    uint64_t stop_due_ms;                            /* */
    size_t batches_left;                             /* at a stop */
    size_t queue_count;                              /* */
    size_t paused_count;                             /* */
    unsigned closing_sink;                           /* how many are closed */
    struct poll_server servers[PROCESS_SERVERS_MAX]; /* */
    struct poll_queue *queues[DISK_QUEUES_MAX];      /* or NULL */
    struct poll_queue_list gone;                     /* */
    struct haplo_batch *free_batches;                /* */
    struct sink sinks[PROCESS_SINKS_MAX];            /* */
};

/* Reads what is durable, and begins. */
void process_start(struct world *world);

/* It is gone, at once, with all that it had in memory. */
void process_end(struct world *world);

#endif
