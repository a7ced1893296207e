/* queue.h - Queue: one queue of a server. */
#ifndef PYTHON_QUEUE_H
#define PYTHON_QUEUE_H

#include "core.h"

int queue_init(PyObject *module);

/* The Queue of a queue: a new reference. */
PyObject *queue_of(const struct haplo_queue *queue);

/* It is about to be freed by the library, which has had a reference. */
void queue_forget(struct haplo_queue *queue);

#endif
