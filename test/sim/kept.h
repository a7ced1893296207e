/*
 * kept.h - the failed logins that are kept over processes, as
 * src/daemon/failed_logins.c has it. The file may be lost.
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

/* Of one server. What is in it of the guard's is its own count, which a lost
 * file ends as well. */
struct kept {
    unsigned failed_count;     /* in a row */
    uint64_t failed_ms;        /* the newest */
    unsigned guard_refused;    /* the guard's count */
    uint64_t guard_refused_ms; /* the newest of that */
};

/* The process of host 0 starts: at times there is nothing. */
void kept_begin(struct world *world);

/* Before the server is added; after that. */
void kept_recall(struct seen_server *server,
                 struct haplo_server_options *options);
void kept_added(struct seen_server *server);

/* Before the queue is added: what its key is taken for. */
bool kept_is_proven(const struct seen_queue *queue, bool has_worked);

/* The application is told of a change. */
void kept_note(struct process *process, const struct haplo_event *event);

#endif
