/*
 * http.h - one HTTP/1.1 connection. It reads requests one at a time, passes
 * each to the owner of its listener, and sends the response in the way it is
 * told to.
 *
 *   READING -> BUSY -> SENDING -> READING ...
 *      any of them -> CLOSED
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "sim/faults.h"
#include "sim/path.h"
#include "sim/request.h"
#include "sim/tls.h"

#define SIM_ADDRESS_SIZE 64 /* client address as text */

enum sim_connection_state {
    SIM_CONNECTION_READING,
    SIM_CONNECTION_BUSY,    /* a request is in progress */
    SIM_CONNECTION_SENDING, /* its response is being sent */
    SIM_CONNECTION_CLOSED,
};

/* What happens after the last byte. */
enum sim_after {
    SIM_AFTER_KEEP,  /* read the next request */
    SIM_AFTER_FIN,   /* close */
    SIM_AFTER_RESET, /* close with RST */
    SIM_AFTER_STALL, /* nothing: leave it open */
};

struct sim_delivery {
    size_t stop_at; /* bytes to send at most */
    enum sim_after after;
    size_t drip_bytes; /* sent at a time; 0: everything at once */
    int64_t drip_ms;   /* pause in between */
};

/* A request on its way through an application; see service.c. */
struct sim_turn {
    struct sim_app *app;     /* borrowed */
    struct sim_queue *queue; /* borrowed; NULL: no such queue */
    struct sim_path path;    /* points into the request */
    bool has_fault;
    struct sim_fault fault;     /* a copy: it may be cleared meanwhile */
    int64_t start_ms;           /* when the request was complete */
    struct sim_turn *next;      /* behind it in the waiting list */
    struct sim_connection *own; /* the connection that contains it */
};

struct sim_connection {
    uv_tcp_t tcp;
    uv_timer_t timer;              /* for idle limit, latency and drip */
    struct sim_listener *listener; /* borrowed */
    struct sim_connection *next;   /* in the listener's list */
    struct sim_connection **link;  /* the pointer to this connection */
    enum sim_connection_state state;
    bool tcp_closed;                /* its close callback has run */
    bool timer_closed;              /* the same for the timer */
    bool in_read;                   /* the parse loop is running */
    bool held;                      /* a request in progress needs the memory */
    uint64_t id;                    /* from 1 */
    char address[SIM_ADDRESS_SIZE]; /* of the client */
    struct sim_tls tls;             /* tls.ssl NULL: plain */
    struct sim_buffer input;        /* owned; received, not parsed yet */
    struct sim_request request;
    struct sim_turn turn;
    struct sim_buffer output;     /* owned; response before encryption */
    size_t output_at;             /* bytes sent so far */
    struct sim_delivery delivery; /* how the response is sent */
    size_t writes_pending;        /* libuv writes not completed yet */
    void (*timer_run)(struct sim_connection *); /* what the timer does */
};

/* Accepts a connection, which frees itself once it is closed. */
void sim_connection_open(struct sim_listener *listener);

/* Sends a response in the given way; takes its bytes. Does nothing if the
 * client has disconnected. */
void sim_connection_answer(struct sim_connection *connection,
                           struct sim_buffer *answer,
                           struct sim_delivery delivery);

/* Calls run after wait_ms, even if the client has disconnected. */
void sim_connection_wait(struct sim_connection *connection, int64_t wait_ms,
                         void (*run)(struct sim_connection *));

void sim_connection_close(struct sim_connection *connection);

void sim_connection_reset(struct sim_connection *connection);

/* Closes it even if a request is in progress. Only at shutdown. */
void sim_connection_abandon(struct sim_connection *connection);

#endif
