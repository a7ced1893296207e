/*
 * app.h - the daemon in a simulated process: src/daemon/gather/gather.c with a
 * configuration made from the servers and queues of the world.
 */
#ifndef TEST_SIM_APP_H
#define TEST_SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "daemon/gather/gather.h"
#include "destination.h"
#include "remote.h"

struct process;
struct seen_queue;
struct store;

#define APP_INBOXES_MAX 2
#define APP_SERVERS_MAX 4
#define APP_URL_SIZE 32

struct app {
    struct gather gather;
    struct config config;                         /* for it */
    struct config_file file;                      /* its only one */
    struct config_inbox inboxes[APP_INBOXES_MAX]; /* by store */
    struct store *stores[APP_INBOXES_MAX];        /* their options */
    struct config_server servers[APP_SERVERS_MAX];
    char urls[APP_SERVERS_MAX][APP_URL_SIZE];
    struct config_queue queues[REMOTE_QUEUES_MAX];            /* by server */
    struct config_queue_settings settings[REMOTE_QUEUES_MAX]; /* by index */
    struct config_key keys[REMOTE_QUEUES_MAX];                /* the same */
    struct config_outlet outlets[DESTINATIONS_MAX];
    struct destination *destinations[DESTINATIONS_MAX]; /* their options */
};

/* Starts the daemon. */
void app_open(struct process *process);

/* Drains for at most deadline_ms, closes everything and ends the process. A
 * second call ends the wait. */
void app_close(struct process *process, uint64_t deadline_ms);

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
