/*
 * pg_listen.h - listens to the channel that processes notify when they have
 * stored messages, so that outlets learn at once what others have stored.
 */
#ifndef INBOX_POSTGRES_PG_LISTEN_H
#define INBOX_POSTGRES_PG_LISTEN_H

#include <stdbool.h>

#include "fleet/placement.h"
#include "inbox/postgres/pg_connection.h"

struct pg_store;

struct pg_listen {
    struct pg_store *store;        /* its owner; the reader listens */
    char *sql;                     /* owned; LISTEN; NULL: no channel */
    int pid;                       /* the reader's server process, if it is done
                                      with that one */
    bool has_slots;                /* only some concern this process: */
    bool slots[FLEET_SLOT_COUNT];  /* these */
    bool is_busy;                  /* the request is outstanding */
    struct pg_request request;     /* for either statement */
    struct pg_statement statement; /* of the request */
    void (*idle_cb)(void *data);   /* of pg_listen_stop(), or NULL */
    void *idle_data;               /* for idle_cb */
};

/* Prepares to listen if the store has a channel. 0 or HAPLO_ENOMEM. */
int pg_listen_init(struct pg_listen *listen, struct pg_store *store);
void pg_listen_free(struct pg_listen *listen);

/* Only notifications of these slots are of interest from now on; NULL: all
 * are. Copies slots. */
void pg_listen_to(struct pg_listen *listen, const bool *slots);

/* To be called when the reader is connected: listens unless it does. */
void pg_listen_start(struct pg_listen *listen);

/* Calls idle_cb when no request is outstanding, perhaps at once. */
void pg_listen_stop(struct pg_listen *listen, void (*idle_cb)(void *data),
                    void *data);

#endif
