/*
 * admin_port.h - one place where clients connect: the unix socket, or a TCP
 * port. It runs libmicrohttpd in the loop, without a thread: its epoll
 * descriptor is watched like any other, and its timeouts are a timer.
 *
 * What a client can take is limited: so many connections, so large a request,
 * so much time to send it and to read the response. If all connections are in
 * use, the one that has been idle for longest makes room.
 */
#ifndef DAEMON_ADMIN_PORT_H
#define DAEMON_ADMIN_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uv.h>

#include "daemon/admin/admin_request.h"

#define ADMIN_CONNECTION_COUNT_MAX 64  /* of a port */
#define ADMIN_CONNECTION_MEMORY 32768  /* of a request's head */
#define ADMIN_RECEIVE_TIMEOUT_MS 20000 /* for a request, or idle */
#define ADMIN_SEND_TIMEOUT_MS 60000    /* for a response */
#define ADMIN_TURN_BUDGET_NS 2000000   /* in one turn of the loop */

struct MHD_Daemon;

struct admin_connection {
    TAILQ_ENTRY(admin_connection)
    link;                    /* in the order of their deadlines' start */
    struct admin_port *port; /* its owner */
    int descriptor;          /* borrowed */
    uint64_t deadline_ms;    /* loop time; 0: none */
    bool is_receiving;       /* no complete request yet */
};

struct admin_port {
    struct admin *admin;       /* its owner */
    struct MHD_Daemon *daemon; /* NULL: closed */
    bool is_local;             /* a unix socket: whoever opens it may do
                                  everything */
    uv_poll_t poll;            /* libmicrohttpd's epoll descriptor */
    uv_timer_t timer;          /* its next timeout */
    uv_timer_t sweep;          /* looks for clients that are too slow */
    bool is_run_due;           /* libmicrohttpd has to run once more */
    unsigned open_handles;     /* of these three */
    TAILQ_HEAD(, admin_connection) connections; /* owned */
    size_t connection_count;                    /* length of connections */
    TAILQ_HEAD(, admin_request) suspended;      /* that wait for something */
};

/* Serves a listening socket. Takes the descriptor, in any case. Returns 0, or
 * HAPLO_E*. */
int admin_port_open(struct admin_port *port, struct admin *admin,
                    int descriptor, bool is_local);

/* A connection was resumed, which libmicrohttpd notices only when it runs. */
void admin_port_run_soon(struct admin_port *port);

/* Disconnects everybody. admin_port_closed() of admin_private.h follows, from
 * the loop, unless it was not open. */
void admin_port_close(struct admin_port *port);

#endif
