/* queue.h - a queue of a server. */
#ifndef HAPLO_NODE_QUEUE_H
#define HAPLO_NODE_QUEUE_H

#include "poller.h"

struct queue;

extern const struct class queue_class;

/* Adds a queue with these options. NULL, with an exception pending, if that
 * fails. */
napi_value queue_add(struct poller *poller, struct haplo_server *server,
                     napi_value options);

/* Its object of JavaScript. */
napi_value queue_object(const struct queue *queue);

/* The poller closes: the queue is gone. */
void queue_detach(struct queue *queue);

#endif
