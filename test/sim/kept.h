/*
 * kept.h - the failed logins that are kept over processes, as
 * src/daemon/failed_logins.c has it. The file may be lost.
 */
#ifndef TEST_SIM_KEPT_H
#define TEST_SIM_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/queue.h"

struct poll_queue;
struct poll_server;
struct world;

/* Of one server. What is in it of the guard's is its own count, which a lost
 * file ends as well. */
struct kept {
    unsigned failed_count;     /* in a row */
    uint64_t failed_ms;        /* the newest */
    unsigned guard_refused;    /* the guard's count */
    uint64_t guard_refused_ms; /* the newest of that */
};

/* A process starts: at times there is nothing. */
void kept_begin(struct world *world);

/* Before the server is scheduled. */
void kept_recall(struct poll_server *server);

/* Before the queue is scheduled: what its key is taken for. */
bool kept_is_proven(const struct poll_queue *queue);

/* The application is told of a change. */
void kept_note_queue(struct poll_queue *queue, enum haplo_queue_state from,
                     int error);
void kept_note_server(struct poll_server *server);

#endif
