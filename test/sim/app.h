/*
 * app.h - the application of a simulated process: it polls all queues into
 * their inboxes.
 */
#ifndef TEST_SIM_APP_H
#define TEST_SIM_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/inbox.h"

struct process;
struct remote_queue;
struct seen_queue;

#define APP_INBOXES_MAX 2
#define APP_QUEUES_MAX 24

struct app_queue {
    struct inbox_queue *stored;     /* */
    struct haplo_batch *batch;      /* with the inbox */
    struct inbox_delivery delivery; /* of it */
};

struct app {
    struct inbox *inboxes[APP_INBOXES_MAX];  /* open ones, or NULL */
    unsigned pending_count;                  /* that open, or close */
    bool is_closing;                         /* no answer goes to the poller */
    struct app_queue queues[APP_QUEUES_MAX]; /* by their index */
    uint64_t batches_left;                   /* when it stopped */
};

/* The daemon's start. */
void app_open(struct process *process);

/* A queue that is configured again. */
void app_add_queue(struct process *process, struct remote_queue *remote);

/* Drains for at most deadline_ms, closes all, and ends the process. */
void app_close(struct process *process, uint64_t deadline_ms);

/* The queue goes when its batch is done. */
void app_remove_queue(struct seen_queue *queue);

#endif
