/*
 * http.h - one HTTP/1.1 connection: it reads requests one by one, hands each
 * to its listener's owner and sends the bytes of the answer as it is told to.
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

#define SIM_ADDRESS_SIZE 64 /* a client's address as text */

enum sim_connection_state {
    SIM_CONNECTION_READING,
    SIM_CONNECTION_BUSY,    /* a request is being worked on */
    SIM_CONNECTION_SENDING, /* its answer goes out */
    SIM_CONNECTION_CLOSED,
};

/* What comes after the last byte that is sent. */
enum sim_after {
    SIM_AFTER_KEEP,  /* the next request */
    SIM_AFTER_FIN,   /* close */
    SIM_AFTER_RESET, /* close with RST */
    SIM_AFTER_STALL, /* nothing, ever */
};

struct sim_delivery {
    size_t stop_at;       /* bytes sent at most */
    enum sim_after after; /* */
    size_t drip_bytes;    /* of a drop; 0: all at once */
    int64_t drip_ms;      /* between drops */
};

/* A request's way through an application; service.c owns the meaning. */
struct sim_turn {
    struct sim_app *app;        /* borrowed */
    struct sim_queue *queue;    /* borrowed; NULL: none of that name */
    struct sim_path path;       /* points into the request */
    bool has_fault;             /* */
    struct sim_fault fault;     /* a copy: faults can be cleared meanwhile */
    int64_t start_ms;           /* when the request was complete */
    struct sim_turn *next;      /* in the fair queue */
    struct sim_connection *own; /* the connection it is part of */
};

struct sim_connection {
    uv_tcp_t tcp;                    /* */
    uv_timer_t timer;                /* idle limit, latency, drops */
    struct sim_listener *listener;   /* borrowed */
    struct sim_connection *next;     /* in the listener's list */
    struct sim_connection **link;    /* what points here */
    enum sim_connection_state state; /* */
    bool tcp_closed;                 /* its close callback has run */
    bool timer_closed;               /* */
    bool in_read;                    /* the parse loop is running */
    bool held;                       /* a turn still needs the memory */
    uint64_t id;                     /* from 1 */
    char address[SIM_ADDRESS_SIZE];  /* of the client */
    struct sim_tls tls;              /* ssl NULL: plain */
    struct sim_buffer input;         /* owned; not parsed yet */
    struct sim_request request;      /* */
    struct sim_turn turn;            /* */
    struct sim_buffer output;        /* owned; plain bytes of the answer */
    size_t output_at;                /* sent so far */
    struct sim_delivery delivery;    /* */
    size_t writes_pending;           /* */
    void (*timer_run)(struct sim_connection *); /* what the timer does */
};

/* Takes an accepted connection over; frees itself when it is closed. */
void sim_connection_open(struct sim_listener *listener);

/* Sends an answer (its bytes are moved out) as told. Works on a connection
 * whose client has gone: then it goes nowhere. */
void sim_connection_answer(struct sim_connection *connection,
                           struct sim_buffer *answer,
                           struct sim_delivery delivery);

/* Calls back after a time, also when the client is gone. */
void sim_connection_wait(struct sim_connection *connection, int64_t wait_ms,
                         void (*run)(struct sim_connection *));

void sim_connection_close(struct sim_connection *connection);

void sim_connection_reset(struct sim_connection *connection);

/* Closes it even while its request is worked on; at the very end. */
void sim_connection_abandon(struct sim_connection *connection);

#endif
