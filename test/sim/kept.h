/*
 * kept.h - what the guard keeps of failed logins over processes, as the daemon
 * keeps its count in a file. The file may be lost, and then both begin anew.
 */
#ifndef TEST_SIM_KEPT_H
#define TEST_SIM_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "haplopoll.h"

struct process;
struct seen_queue;
struct seen_server;
struct world;

/* Of one server. */
struct kept {
    unsigned refused;    /* the guard's count, in a row */
    uint64_t refused_ms; /* the newest of that */
};

/* The first process starts: at times there is nothing. */
void kept_begin(struct world *world);

/* The server was added. */
void kept_recall(struct seen_server *server);

/* The queue was added: what its key must be taken for. */
bool kept_is_proven(const struct seen_queue *queue, bool has_worked);

/* The process ends: what it has heard without an event counts as well. */
void kept_end(struct process *process);

/* An event of the process. */
void kept_note(struct process *process, const struct haplo_event *event);

#endif
