/*
 * gather_unrouted.h - counts the messages of an inbox that none of its outlets
 * forwards, since an operator may not know that there are such messages: a new
 * type of object, or an action that no rule names. They stay in the inbox.
 */
#ifndef DAEMON_GATHER_UNROUTED_H
#define DAEMON_GATHER_UNROUTED_H

#include "daemon/gather/gather.h"

/* Counts messages of a queue. Those of a queue that no outlet names are counted
 * when they are stored, all others when they are read. */
void gather_unrouted_count(struct gather_inbox *inbox, const char *server,
                           const char *queue, size_t message_count);

/* The forwarder_declined_cb of all outlets; data is a gather_outlet. The first
 * outlet that names the queue of the message asks the others. */
void gather_unrouted_declined(struct forwarder *forwarder,
                              const struct inbox_message *message, void *data);

#endif
