/* events.h - failures and changes of state, for listeners. */
#ifndef HAPLO_NODE_EVENTS_H
#define HAPLO_NODE_EVENTS_H

#include "poller.h"

/* An event_cb. It may fire inside any function of the library, where listeners
 * must not call another: so it keeps the event for events_report(). */
void events_on_event(struct haplo_poller *handle,
                     const struct haplo_event *event);

/* Reports what has been kept. Called from the loop. */
void events_report(struct poller *poller);

#endif
