/*
 * world.h - one simulated world, made from one seed: servers, network, disks,
 * processes, everybody else, and the clock. Everything that happens is an
 * entry of its agenda.
 */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "agenda.h"
#include "answer.h"
#include "destination.h"
#include "dice.h"
#include "kept.h"
#include "machine.h"
#include "operator.h"
#include "plan.h"
#include "pool.h"
#include "remote.h"
#include "state_file.h"
#include "store.h"
#include "store_fleet.h"
#include "totals.h"
#include "trace.h"

#define WORLD_SERVERS_MAX 4
#define WORLD_STORES_MAX 2
#define WORLD_HOSTS_MAX MESSAGE_HOSTS_MAX

struct process;

struct world;

/* The longest delays so far; for scenes. */
struct pace {
    uint64_t mark_ms; /* from a message's post to its mark */
    uint64_t reach_ms[DESTINATIONS_MAX]
                     [REMOTE_QUEUES_MAX]; /* from its commit to a destination */
};

/* Changes what the seed has drawn, before anything happens. */
typedef void (*world_scene)(struct world *world);

struct world {
    uint64_t seed;
    uint64_t now_ms;            /* monotonic */
    uint64_t wall_offset_ms;    /* wall clock: more */
    bool has_steady_wall_clock; /* never jumps */
    world_scene scene;          /* or NULL: as the seed has it */
    struct pace pace;           /* so far */
    bool had_several;           /* processes at a time */
    bool is_quiet;              /* the ending */
    bool is_restarted;          /* before that */
    bool is_examined;           /* all was unsent */
    bool is_over;               /* and has come again */
    struct dice dice;
    struct dice wall_dice; /* of nothing else */
    struct agenda agenda;
    uint64_t event_count;
    struct pool pool;
    struct plan plan;
    struct remote_server servers[WORLD_SERVERS_MAX];
    unsigned server_count;
    unsigned host_count; /* that processes may run on */
    bool is_fleet;       /* they share the servers */
    struct store_fleet fleet;
    struct remote_logins logins[WORLD_SERVERS_MAX]; /* by address */
    struct remote_queue queues[REMOTE_QUEUES_MAX];
    unsigned queue_count;
    struct store stores[WORLD_STORES_MAX];
    unsigned store_count;
    struct destination destinations[DESTINATIONS_MAX];
    unsigned destination_count;
    struct kept kept[WORLD_HOSTS_MAX][WORLD_SERVERS_MAX]; /* the guard's */
    struct state_file state_files[WORLD_HOSTS_MAX];
    struct token **tokens; /* owned; by number */
    uint32_t token_count;
    uint32_t token_capacity;
    struct process *processes[WORLD_HOSTS_MAX]; /* NULL: none runs */
    struct machine machines[WORLD_HOSTS_MAX];   /* that they run on */
    uint64_t life;                              /* of the newest */
    struct process *dying;                      /* out of it we jump */
    enum crash_point crash_point;               /* the next, if any */
    unsigned crash_changes;                     /* to it, AT_CHANGE */
    int crash_state;                            /* into that; -1: any */
    enum errand errand;                         /* of an operator */
    enum haplo_queue_state errand_state;        /* that waits for it */
    jmp_buf crash_jump;                         /* out of the process */
    jmp_buf violation_jump;                     /* out of the world */
    char violation[256];                        /* "" if there is none */
    struct totals *totals;                      /* borrowed */
    FILE *trace_file;                           /* borrowed; or NULL */
    char body[ANSWER_SIZE_MAX];                 /* of an answer */
};

/* Runs the world of a seed. Returns false after a violation, which
 * world->violation describes. May be called again. */
bool world_run(struct world *world, uint64_t seed, struct totals *totals,
               FILE *trace_file);

/* Frees what it keeps between runs. A new world is zeroed. */
void world_free(struct world *world);

/* For its parts */

void world_at(struct world *world, uint64_t delay_ms, agenda_cb happen,
              void *subject, uint64_t stamp);

/* Something that must hold does not. Ends the run. */
_Noreturn void world_violation(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void world_count(struct world *world, enum situation situation)
{
    world->totals->situations[situation]++;
}

/* The same, unless the process of that life is dead by then. */
void world_at_life(struct world *world, uint64_t delay_ms, agenda_cb happen,
                   void *subject, uint64_t stamp, uint64_t life);

/* The same, of what that process has sent. */
void world_at_outside(struct world *world, uint64_t delay_ms, agenda_cb happen,
                      void *subject, uint64_t stamp, uint64_t life);

/* What was taken from the agenda happens now, after what did so before it. */
void world_again(struct world *world, struct agenda_entry entry);

/* The process of that life; NULL: it is dead. */
struct process *world_process(const struct world *world, uint64_t life);

/* The queue in the process whose operator is asked for: the first one, or in a
 * fleet the one that polls it. NULL: none does. */
struct seen_queue *world_find_queue(const struct world *world,
                                    const struct remote_queue *remote);

/* Draws a duration: mostly short, sometimes a good part of the run. */
uint64_t world_some_time_ms(struct world *world);

/* Processes that run now. While there are several, they store the same
 * queues. */
unsigned world_process_count(const struct world *world);

/* True if the process is reloaded in it. */
bool world_has_reloads(const struct world *world);

/* A token with room for count parts, still without any. */
struct token *world_token_new(struct world *world, struct remote_queue *queue,
                              unsigned count);

/* The token with that number; NULL if there is none. */
struct token *world_token(const struct world *world, uint32_t number);

/* Schedules an unsend of a message of the token. */
void world_unsend_soon(struct world *world, const struct token *token);

/* Kills the process whose code runs if it is planned to die here. Does not
 * return in that case. */
void world_crash_point(struct world *world, enum crash_point point);
void world_crash_at_change(struct world *world, enum haplo_queue_state to);

/* Kills it now. */
_Noreturn void world_kill(struct world *world, struct process *process,
                          enum crash_point point);

void world_note_edge(struct world *world, enum haplo_queue_state from,
                     enum haplo_queue_state to);

/* After an orderly exit: the first process is started again later. */
void world_process_ended(struct process *process);

#endif
