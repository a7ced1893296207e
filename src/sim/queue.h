/*
 * queue.h - a message queue: its messages in order, fetch and mark. Pure.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/message.h"
#include "sim/random.h"
#include "sim/settings.h"

struct sim_queue {
    char name[SIM_NAME_SIZE];
    struct sim_app *app; /* borrowed */
    struct sim_settings settings;
    struct sim_key *key;           /* borrowed; its current key */
    struct sim_message **messages; /* owned; by date, then by arrival */
    size_t message_count;
    size_t message_capacity;
    size_t unread_count;
    size_t unread_first;        /* all messages before this index are read */
    uint64_t generated_count;   /* number of the last generated one */
    int64_t date_last_s;        /* date of the last message */
    uint64_t date_used;         /* messages with that date so far */
    double rate_credit;         /* fraction of the next message, for `rate` */
    struct sim_random random;   /* orders messages with the same date */
    struct sim_message **batch; /* owned; messages of the last fetch */
    size_t batch_count;
    size_t batch_capacity;
    uint64_t fetch_count;          /* fetches that returned a batch */
    uint64_t fetch_nonempty_count; /* fetches whose batch was not empty */
    uint64_t returned_count;       /* messages in all batches */
    uint64_t mark_count;           /* marks that reached the queue */
    uint64_t mark_empty_count;     /* marks with an empty or missing token */
    uint64_t marked_count;         /* messages marked */
    uint64_t request_count;        /* requests that named this queue */
};

struct sim_queue *sim_queue_new(struct sim_app *app, const char *name,
                                const struct sim_settings *settings);

void sim_queue_free(struct sim_queue *queue);

/* Takes the message and inserts it by date, so messages can appear before
 * those already returned: neither ids nor dates are a watermark. */
void sim_queue_add(struct sim_queue *queue, struct sim_message *message);

/* Date for the next message: 1 s after the last one, or the same (`ties`). */
int64_t sim_queue_next_date(struct sim_queue *queue);

/* Fills queue->batch with the messages of a fetch and counts it. */
void sim_queue_fetch(struct sim_queue *queue, int64_t now_ms);

/* Marks a message. Returns true if it is in this queue and was unread. */
bool sim_queue_mark(struct sim_queue *queue, struct sim_message *message,
                    int64_t now_ms);

/* Makes a marked message unread again, as an administrator can. Returns true
 * if it was marked. */
bool sim_queue_unsend(struct sim_queue *queue, struct sim_message *message);

#endif
