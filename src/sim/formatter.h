/*
 * formatter.h - the body of a fetch: the default format or a custom one.
 */
#ifndef SIM_FORMATTER_H
#define SIM_FORMATTER_H

#include <stdbool.h>

#include "sim/queue.h"

struct sim_format {
    const char *content_type; /* */
    const char *file_suffix;  /* after the queue's name; NULL: no attachment */
};

/* Appends queue->batch in the queue's format. */
struct sim_format sim_format_batch(const struct sim_queue *queue,
                                   struct sim_buffer *to);

/* Appends the token of queue->batch: base64 of comma-joined ids. */
void sim_format_token(const struct sim_queue *queue, struct sim_buffer *to);

#endif
