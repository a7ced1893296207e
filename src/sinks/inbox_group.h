/*
 * inbox_group.h - what one transaction stores: deliveries and epochs of any
 * queues. The loop fills it, a worker thread writes it, the loop reads the
 * result.
 */
#ifndef SINKS_INBOX_GROUP_H
#define SINKS_INBOX_GROUP_H

#include <stddef.h>

#include "sinks/inbox_queue.h"
#include "sinks/inbox_write.h"
#include "sinks/sink.h"

/* A group holds at least one delivery, whatever its size. The limits keep a
 * commit short, and bound the WAL between two checkpoints. */
#define INBOX_GROUP_ROW_COUNT_MAX 4096
#define INBOX_GROUP_BYTES_MAX ((size_t)8 * 1024 * 1024)

/* Gives back what came first. Zeroed: empty. */
struct inbox_delivery_list {
    struct sink_delivery *first; /* */
    struct sink_delivery *last;  /* */
};

struct inbox_group {
    struct inbox_delivery_list deliveries; /* in the order of their arrival */
    struct inbox_queue_list confirmed;     /* their writing_epoch is stored */
    size_t part_count;                     /* deliveries and epochs */
    size_t row_count;                      /* about what it writes */
    size_t bytes;                          /* of bodies */
    enum inbox_fault fault;                /* the result */
};

void inbox_delivery_push(struct inbox_delivery_list *list,
                         struct sink_delivery *delivery);

/* NULL if it is empty. */
struct sink_delivery *inbox_delivery_shift(struct inbox_delivery_list *list);

/* Moves deliveries into the group, up to count_max and the limits. */
void inbox_group_take(struct inbox_group *group,
                      struct inbox_delivery_list *waiting, size_t count_max);

/* Moves queues into the group whose epoch is still to be stored, and out of
 * the list those where it is not. */
void inbox_group_take_confirmed(struct inbox_group *group,
                                struct inbox_queue_list *confirmed);

/* Moves the deliveries back to the head of the line; returns how many. */
size_t inbox_group_return(struct inbox_group *group,
                          struct inbox_delivery_list *waiting);

/* Writes the group in one transaction: all or, with a fault, nothing. Sets
 * fault and the deliveries' counts. Blocking. */
void inbox_group_write(struct inbox_group *group, struct inbox_store *store);

#endif
