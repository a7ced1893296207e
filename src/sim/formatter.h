/*
 * formatter.h - the body of a fetch response, in the default or a custom
 * format.
 */
#ifndef SIM_FORMATTER_H
#define SIM_FORMATTER_H

#include <stdbool.h>

#include "sim/queue.h"

struct sim_format {
    const char *content_type;
    const char *file_suffix; /* of the attachment; NULL: sent inline */
};

/* Appends queue->batch in the format of the queue. */
struct sim_format sim_format_batch(const struct sim_queue *queue,
                                   struct sim_buffer *to);

/* Appends the token of queue->batch: base64 of its comma-separated ids. */
void sim_format_token(const struct sim_queue *queue, struct sim_buffer *to);

#endif
