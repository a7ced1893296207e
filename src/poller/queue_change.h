/*
 * queue_change.h - the options and the API key of a queue, which may change.
 */
#ifndef POLLER_QUEUE_CHANGE_H
#define POLLER_QUEUE_CHANGE_H

#include "poller/poller.h"

/* Sets what the options leave out to its default. */
void queue_options_default(struct haplo_queue_options *options);

/* Checks all of them but name, key and state. 0, or an error with why set. */
int queue_options_check(const struct haplo_server *server,
                        const struct haplo_queue_options *options,
                        struct reason *why);

/* Where the key is that the queue was created with: in the same block. */
char *queue_key_first(struct haplo_queue *queue);

/* Wipes the key, and frees it if it is a later one. */
void queue_key_forget(struct haplo_queue *queue);

#endif
