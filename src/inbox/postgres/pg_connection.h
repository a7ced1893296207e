/*
 * pg_connection.h - a connection to PostgreSQL on the loop, and the requests
 * that are sent over it. It never blocks.
 *
 * A request is one or several statements, sent together and answered together
 * (libpq's pipeline with one synchronisation), so it costs one round trip. A
 * transaction is one or several requests; PgBouncer keeps its server until the
 * transaction ends.
 *
 * The connection is opened when there is a request and none is open. If it is
 * lost, the request fails, and the next one opens it again. The owner decides
 * when to try again.
 */
#ifndef INBOX_POSTGRES_PG_CONNECTION_H
#define INBOX_POSTGRES_PG_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <libpq-fe.h>
#include <uv.h>

#include "base/reason.h"
#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_statement.h"

#define PG_STATEMENT_COUNT_MAX 16
#define PG_SQLSTATE_SIZE 6

enum pg_outcome {
    PG_FINE,   /* all statements succeeded */
    PG_FAILED, /* a statement failed, and those after it were not executed */
    PG_UNSENT, /* there is no connection; nothing was executed */
    PG_LOST    /* the connection was lost, or there was no response in time: it
                  is not known what was executed */
};

struct pg_request;
typedef void (*pg_request_cb)(struct pg_request *request);

/* Embedded in its owner, which fills the first part. Everything in it is
 * borrowed until done_cb. */
struct pg_request {
    struct pg_statement *statements; /* executed in this order */
    size_t statement_count;          /* 1 to PG_STATEMENT_COUNT_MAX */
    uint64_t limit_ms;               /* for the response to all of them; then
                                        the connection is closed */
    pg_request_cb done_cb;           /* once, from the loop */
    void *data;                      /* for the owner */
    /* Set before done_cb: */
    enum pg_outcome outcome;
    PGresult *results[PG_STATEMENT_COUNT_MAX]; /* owned by the request, until
                                                  pg_request_clear() */
    size_t failed_index;                       /* FAILED: which statement */
    char sqlstate[PG_SQLSTATE_SIZE];           /* FAILED, perhaps LOST; or "" */
    struct reason why;                         /* unless FINE */
    struct reason warning;                     /* the last one; or "" */
    /* Private: */
    size_t answer_count;           /* statements that have been answered */
    bool has_failed;               /* one of them has, perhaps without a text */
    STAILQ_ENTRY(pg_request) link; /* in the list of the connection */
};

STAILQ_HEAD(pg_request_list, pg_request);

/* Frees the results. */
void pg_request_clear(struct pg_request *request);

/* Looks at the response to the greeting. Returns 0, or HAPLO_E* with why set:
 * then the connection is closed, and all requests are UNSENT because of it. */
typedef int (*pg_greet_cb)(void *data, const struct pg_request *greeting,
                           struct reason *why);

/* This process of the server has notified a channel that the connection listens
 * to. payload is valid during the call. */
typedef void (*pg_notified_cb)(void *data, int pid, const char *payload);

struct pg_connection;
typedef void (*pg_connection_closed_cb)(void *data);

struct pg_connection {
    uv_loop_t *loop;                   /* borrowed */
    char *conninfo;                    /* owned */
    uv_timer_t timer;                  /* starts requests; their time limit */
    struct pg_connect connect;         /* while there is no connection */
    PGconn *pg;                        /* or NULL */
    struct pg_watch *watch;            /* its socket, or NULL */
    struct pg_request_list requests;   /* the first one is being executed */
    struct pg_request *active;         /* the first one, or greeting; or NULL */
    struct pg_statement hello;         /* the statement of greeting */
    struct pg_request greeting;        /* sent before other requests */
    pg_greet_cb greet_cb;              /* NULL: there is no greeting */
    void *greet_data;                  /* for greet_cb */
    bool is_connecting;                /* connect is at work */
    bool is_greeted;                   /* the greeting was accepted */
    pg_notified_cb notified_cb;        /* or NULL */
    void *notified_data;               /* for notified_cb */
    pg_connection_closed_cb closed_cb; /* of pg_connection_close() */
    void *closed_data;                 /* for closed_cb */
};

/* Does not connect yet. Copies conninfo. 0, or HAPLO_ENOMEM: then there is
 * nothing to close. */
int pg_connection_init(struct pg_connection *connection, uv_loop_t *loop,
                       const char *conninfo);

/* A statement to be executed whenever a connection has been opened, before
 * anything else; borrows sql. */
void pg_connection_greet(struct pg_connection *connection, const char *sql,
                         uint64_t limit_ms, pg_greet_cb greet_cb, void *data);

/* What to do about notifications; the owner executes LISTEN. */
void pg_connection_on_notify(struct pg_connection *connection,
                             pg_notified_cb notified_cb, void *data);

/* Requests are executed one after the other. done_cb may call this, also with
 * the same request. */
void pg_connection_run(struct pg_connection *connection,
                       struct pg_request *request);

/* Forgets the connection: the next request opens a new one, perhaps to another
 * host. To be called in done_cb, for example if it turns out to be a
 * standby. */
void pg_connection_reset(struct pg_connection *connection);

/* Gives up the connection, however far it has got: the request that was sent is
 * LOST, or if none was, all are UNSENT. done_cb fires inside this call. */
void pg_connection_give_up(struct pg_connection *connection, const char *why);

/* No request may be outstanding. closed_cb fires from the loop. */
void pg_connection_close(struct pg_connection *connection,
                         pg_connection_closed_cb closed_cb, void *data);

#endif
