/*
 * queue.h - a message queue: unread messages in order, fetch and mark. Pure.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/message.h"
#include "sim/random.h"
#include "sim/settings.h"

struct sim_queue {
    char name[SIM_NAME_SIZE];      /* */
    struct sim_app *app;           /* borrowed */
    struct sim_settings settings;  /* */
    struct sim_key *key;           /* borrowed; the one in its key file */
    struct sim_message **messages; /* owned; by date, then as they came */
    size_t message_count;          /* */
    size_t message_capacity;       /* */
    size_t unread_count;           /* */
    size_t unread_first;           /* no unread message before this index */
    uint64_t generated_count;      /* number of the last generated one */
    int64_t date_last_s;           /* date of the last message */
    uint64_t date_used;            /* messages of that date, for ties */
    double rate_credit;            /* part of the next message */
    struct sim_random random;      /* order of ties */
    struct sim_message **batch;    /* owned; what the last fetch returned */
    size_t batch_count;            /* */
    size_t batch_capacity;         /* */
    uint64_t fetch_count;          /* answered from the queue */
    uint64_t fetch_nonempty_count; /* with messages in the answer */
    uint64_t returned_count;       /* messages in all answers */
    uint64_t mark_count;           /* answered from the queue */
    uint64_t mark_empty_count;     /* with an empty or missing token */
    uint64_t marked_count;         /* messages */
    uint64_t request_count;        /* all requests that named the queue */
};

struct sim_queue *sim_queue_new(struct sim_app *app, const char *name,
                                const struct sim_settings *settings);

void sim_queue_free(struct sim_queue *queue);

/* Takes the message. Its place is by date: ids and dates are no watermark. */
void sim_queue_add(struct sim_queue *queue, struct sim_message *message);

/* The date for a message made now: 1 s after the last one, or tied to it. */
int64_t sim_queue_next_date(struct sim_queue *queue);

/* Selects what a fetch returns into queue->batch and counts it. */
void sim_queue_fetch(struct sim_queue *queue, int64_t now_ms);

/* Marks one message of this queue: true when it was unread. */
bool sim_queue_mark(struct sim_queue *queue, struct sim_message *message,
                    int64_t now_ms);

/* What an administrator can do: the message comes again. True if it was sent.
 */
bool sim_queue_unsend(struct sim_queue *queue, struct sim_message *message);

#endif
