/*
 * kept.h - the guard's record of failed logins across processes, which
 * corresponds to the daemon's state file. If that file is lost, both start
 * over.
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

/* The first process starts. In some worlds there is no record. */
void kept_begin(struct world *world);

/* The server was added. */
void kept_recall(struct seen_server *server);

/* Whether its key counts as proven while there are failed logins, of whichever
 * server. */
bool kept_may_be_proven(const struct seen_queue *queue, bool has_worked);

/* The queue was added: returns whether its key must count as proven. */
bool kept_is_proven(const struct seen_queue *queue, bool has_worked);

/* The process ends. What it learned without an event counts as well. */
void kept_end(struct process *process);

/* An event of the process. */
void kept_note(struct process *process, const struct haplo_event *event);

#endif
