/*
 * pg_connect.h - connects to a server without blocking: the first of those
 * that the connection string leads to which lets us in and can be written to.
 */
#ifndef INBOX_POSTGRES_PG_CONNECT_H
#define INBOX_POSTGRES_PG_CONNECT_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>
#include <uv.h>

#include "base/reason.h"
#include "inbox/postgres/pg_hosts.h"
#include "inbox/postgres/pg_resolve.h"
#include "inbox/postgres/pg_watch.h"

#define PG_CONNECT_LIMIT_MS           \
    10000 /* for each address, unless \
             connect_timeout is set */

struct pg_connect;

/* pg is connected, and the owner's; or NULL, with one line in connect->why. */
typedef void (*pg_connected_cb)(struct pg_connect *connect, PGconn *pg);

/* Embedded in its owner, which fills the first part. */
struct pg_connect {
    uv_loop_t *loop;              /* borrowed */
    uv_timer_t *timer;            /* borrowed; its data is the connect */
    const char *conninfo;         /* borrowed */
    pg_connected_cb connected_cb; /* once for each start */
    /* Private: */
    struct pg_hosts hosts;      /* addresses to try */
    size_t index;               /* the one being tried */
    struct pg_resolve *resolve; /* look-ups before that, or NULL */
    PGconn *pg;                 /* connecting, or NULL */
    struct pg_watch *watch;     /* its socket, or NULL */
    struct reason why;          /* all failures, "; " between them */
};

/* To be called from a callback of the loop: connected_cb may fire inside. */
void pg_connect_start(struct pg_connect *connect);

/* Gives up; connected_cb will not fire. */
void pg_connect_stop(struct pg_connect *connect);

/* Writes an error message of libpq, which may have several lines, as one. */
void pg_message(struct reason *why, const char *message);

#endif
