/*
 * record_group.h - what one transaction stores: deliveries and epochs of any
 * queues. The loop fills it, a worker thread writes it (group_write.h), the
 * loop reads the result.
 */
#ifndef SINKS_RECORD_GROUP_H
#define SINKS_RECORD_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "sinks/outgoing.h"
#include "sinks/record_error.h"
#include "sinks/record_queue.h"
#include "sinks/sink.h"

/* A group holds at least one delivery, whatever its size. The limits keep a
 * commit short, and bound the WAL between two checkpoints. */
#define RECORD_GROUP_ROW_COUNT_MAX 4096
#define RECORD_GROUP_BYTES_MAX ((size_t)8 * 1024 * 1024)

/* Gives back what came first. Zeroed: empty. */
struct record_delivery_list {
    struct sink_delivery *first; /* */
    struct sink_delivery *last;  /* */
};

struct record_group {
    struct record_delivery_list deliveries; /* in the order of their arrival */
    struct record_queue_list confirmed;     /* their writing_epoch is stored */
    size_t part_count;                      /* deliveries and epochs */
    size_t row_count;                       /* about what it writes */
    size_t bytes;                           /* of bodies */
    struct outgoing outgoing;               /* for the outlet, if any */
    bool is_recorded;        /* the result: all is in the record, and there is
                                a fault only if the outlet came after it */
    enum record_fault fault; /* the result of it all */
};

void record_delivery_push(struct record_delivery_list *list,
                          struct sink_delivery *delivery);

/* NULL if it is empty. */
struct sink_delivery *record_delivery_shift(struct record_delivery_list *list);

/* Moves deliveries into the group, up to count_max and the limits. */
void record_group_take(struct record_group *group,
                       struct record_delivery_list *waiting, size_t count_max);

/* Moves queues into the group whose epoch is still to be stored, and out of
 * the list those where it is not. */
void record_group_take_confirmed(struct record_group *group,
                                 struct record_queue_list *confirmed);

/* Moves the deliveries back to the head of the line; returns how many. */
size_t record_group_return(struct record_group *group,
                           struct record_delivery_list *waiting);

/* The verdict on a delivery of a group that has been written. why is the
 * reason for a fault; its outlet may have another. */
enum sink_verdict record_group_verdict(const struct record_group *group,
                                       const struct sink_delivery *delivery,
                                       const char **why);

/* Lets go of what was given to the outlet; the deliveries are answered, or
 * back in line. */
void record_group_free(struct record_group *group);

#endif
