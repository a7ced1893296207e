/*
 * app.h - the daemon in a simulated process: src/daemon/gather/gather.c with a
 * configuration made from the servers and queues of the world.
 */
#ifndef TEST_SIM_APP_H
#define TEST_SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/fleet/fleet_host.h"
#include "daemon/gather/gather.h"
#include "daemon/gather/pauses.h"
#include "daemon/reload/reload_pass.h"
#include "destination.h"
#include "remote.h"

struct process;
struct seen_queue;
struct store;

struct app {
    struct gather gather;
    struct config *config;         /* for it; owned: the newest */
    struct reload_changes changes; /* from earlier ones */
    struct reload_pass pass;       /* to the newest */
    bool has_reload;               /* changes and pass are open */
    bool is_passing;               /* the pass is at work */
    bool is_again;                 /* it has to begin again */
    struct fleet_host fleet;       /* its part in a fleet */
    struct pauses pauses;          /* none */
    struct inbox_fleet_host self;  /* what it says of itself there */
    bool is_in_fleet;              /* it has not left */
    bool is_closing;               /* the gather is */
    uint64_t end_ms;               /* when it ends at the latest */
};

/* Starts the daemon. */
void app_open(struct process *process);

/* Drains for at most deadline_ms, closes everything and ends the process. A
 * second call ends the wait. */
void app_close(struct process *process, uint64_t deadline_ms);

/* The gather is closed. */
void app_on_closed(struct gather *gather);

/* Removes the queue once its batch is finished. */
void app_remove_queue(struct seen_queue *queue);

/* It comes back. */
void app_add_queue(struct seen_queue *seen);

/* The outlet of that destination; NULL: it is not there. */
struct forwarder *app_forwarder(struct process *process,
                                const struct destination *destination);

/* The key's file is another one: the process reads it. */
void app_reread_key(struct seen_queue *queue);

#endif
