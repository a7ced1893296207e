/*
 * admin_events.h - what changes, as server-sent events: GET /api/v1/events.
 *
 * There is no buffer for each client. A client has a position in the history of
 * the observer, which is bounded, and gets what has been added since, when its
 * connection has room. One that has fallen behind the history is told that it
 * missed something, and one that reads nothing is disconnected (admin_port.c).
 */
#ifndef DAEMON_ADMIN_EVENTS_H
#define DAEMON_ADMIN_EVENTS_H

#include <sys/queue.h>
#include <uv.h>

#include "daemon/admin/admin_request.h"
#include "daemon/observe/observer.h"

#define ADMIN_EVENT_CLIENT_COUNT_MAX 32

struct admin_event_client;

struct admin_events {
    struct admin *admin;                     /* its owner */
    uv_timer_t timer;                        /* runs while there are clients */
    struct observer_listener listener;       /* likewise */
    LIST_HEAD(, admin_event_client) clients; /* each owned by its request */
    unsigned client_count;                   /* length of clients */
    unsigned tick;                           /* of the timer, since its start */
};

void admin_events_init(struct admin_events *events, struct admin *admin);

/* All clients must be gone. admin_port_closed() follows, from the loop. */
void admin_events_close(struct admin_events *events);

void admin_get_events(struct admin_request *request);

#endif
