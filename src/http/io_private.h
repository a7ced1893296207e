/*
 * io_private.h - struct io as the files of this directory see it.
 */
#ifndef HTTP_IO_PRIVATE_H
#define HTTP_IO_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "http/io.h"

struct exchange;
struct multi;
struct socket_watch;
struct trust;

TAILQ_HEAD(exchange_queue, exchange);
LIST_HEAD(exchange_list, exchange);
TAILQ_HEAD(multi_list, multi);
LIST_HEAD(trust_list, trust);

struct io {
    uv_loop_t *loop;               /* borrowed */
    unsigned transfers_max;        /* bound of exchange_count */
    unsigned exchange_count;       /* easy handles made */
    struct exchange_queue free;    /* least recently used first */
    struct exchange_list busy;     /* carry a transfer */
    struct exchange_list expired;  /* the same, out of time */
    uv_timer_t watchdog;           /* runs while there are busy ones */
    uint64_t watchdog_due_ms;      /* WATCHDOG_NEVER: it does not run */
    struct multi_list multis;      /* in the order they were made */
    unsigned multi_count;          /* of them */
    struct trust_list trusts;      /* of the multis' CA files */
    struct socket_watch **watches; /* by descriptor */
    size_t watch_slots;            /* of that table */
    uint64_t connection_count;     /* sockets opened */
    size_t pending_count;          /* handles and look-ups in the loop */
    bool is_closing;               /* io_close() was called */
    io_close_cb close_cb;          /* or NULL */
    void *close_data;              /* its argument */
};

/* Every handle and look-up that the loop knows of is held; when io_close()
 * was called and the last one is released, io is freed. */
void io_hold(struct io *io);
void io_release(struct io *io);

#endif
