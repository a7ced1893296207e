/*
 * outlet_log.h - what operators are told of outlets: changes, not tries.
 */
#ifndef DAEMON_OUTLET_LOG_H
#define DAEMON_OUTLET_LOG_H

#include <stddef.h>

#include "outlets/forwarder.h"

/* Logs the event, if it is one that somebody should know of. */
void outlet_log(const struct forwarder_event *event);

#endif
