/*
 * process.h - one running haplo-poll: the product's objects in it, and what
 * the simulation has seen of them from outside. A crash destroys all of it.
 */
#ifndef TEST_SIM_PROCESS_H
#define TEST_SIM_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "agenda.h"
#include "app.h"
#include "destination.h"
#include "guard.h"
#include "haplopoll.h"
#include "memory.h"
#include "remote.h"
#include "suspend.h"

#define PROCESS_SERVERS_MAX 4
#define PROCESS_STORES_MAX 2

#define SEEN_TOLD_MAX 8

struct connection;
struct endpoint;
struct sim_outlet;

/* A confirmation that the inbox was asked to store. */
struct told {
    uint64_t state_hash;     /* of the state that came with it */
    uint64_t confirm_number; /* the book's */
};

struct seen_server {
    struct process *process;
    struct remote_server *remote;
    struct haplo_server *server;
    struct endpoint *endpoint; /* or NULL */
    uint64_t endpoint_count;   /* so far */
    bool is_sought;            /* its first look-up is outstanding */
    bool is_located;           /* one has succeeded */
    bool is_settling;          /* it has just ended */
    struct guard_server guard;
};

struct seen_queue {
    struct process *process;
    struct seen_server *server;
    struct remote_queue *remote;
    struct haplo_queue *queue;   /* NULL: it is not there */
    int key;                     /* that it was told last */
    unsigned store;              /* of the inbox that this process has for it */
    bool has_new_key;            /* told while a request was in flight */
    bool is_removing;            /* told to go */
    uint64_t removing_ms;        /* when */
    haplo_removed_cb removed_cb; /* of who told it */
    struct exchange *exchange;   /* its request in flight, or NULL */
    struct token *token;         /* of the batch at hand, or NULL */
    struct guard_queue guard;
    bool is_loaded;      /* in a fleet: its state, since it was there last */
    bool is_current;     /* what it takes for stored is that */
    bool was_restored;   /* an older copy is stored, and it does not know */
    bool confirm_is_due; /* the book's: the inbox must be told */
    struct told told[SEEN_TOLD_MAX]; /* the newest, in a ring */
    unsigned told_count;             /* since the start */
};

struct process {
    struct world *world;
    unsigned host; /* 0, or one of the others */
    uint64_t life; /* which one it is */
    uv_loop_t loop;
    uint64_t loop_ms; /* the time that it remembers */
    struct suspension suspension;
    size_t handle_count; /* open in the loop */
    struct memory memory;
    bool is_stopping; /* it was told to */
    bool is_open;     /* all is there */
    struct haplo_poller *poller;
    struct connection *connections[PROCESS_STORES_MAX]; /* open ones, or NULL */
    struct sim_outlet *outlets[DESTINATIONS_MAX];       /* the same */
    struct app app;
    struct guard_site sites[PROCESS_SERVERS_MAX]; /* by address */
    struct seen_server servers[PROCESS_SERVERS_MAX];
    struct seen_queue queues[REMOTE_QUEUES_MAX];
};

/* Reads what is durable and starts. */
void process_start(struct world *world, unsigned host);

/* Ends it at once; all that it had in memory is lost. */
void process_end(struct process *process);

/* After an orderly exit: nothing may be left. */
void process_check_end(const struct process *process);

/* Makes it the process whose code runs, to which allocations belong. */
void process_enter(struct process *process);
struct process *process_current(void);

/* The same for what comes from outside: its loop has looked at the clock. */
void process_wake(struct process *process);

/* Schedules an event; it is dropped if the process is dead by then. */
void process_at(struct process *process, uint64_t delay_ms, agenda_cb happen,
                void *subject, uint64_t stamp);

/* The same, of what it has sent: happens also while it stands still. */
void process_at_outside(struct process *process, uint64_t delay_ms,
                        agenda_cb happen, void *subject, uint64_t stamp);

/* What of it has that name, or is that object; NULL if nothing is. */
struct seen_server *process_find_server(struct process *process,
                                        const char *name);
struct seen_queue *process_find_queue(struct process *process,
                                      const struct haplo_queue *queue);
struct seen_queue *process_find_inbox_queue(struct process *process,
                                            const struct inbox_queue *queue);

#endif
