/*
 * pg_store.h - an open inbox in PostgreSQL, as its parts share it.
 */
#ifndef INBOX_POSTGRES_PG_STORE_H
#define INBOX_POSTGRES_PG_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_group.h"
#include "inbox/postgres/pg_reader.h"
#include "inbox/postgres/pg_retention.h"

struct pg_store {
    struct inbox_store base;       /* must be first */
    char *schema;                  /* owned */
    char *environment;             /* owned; NULL: any; see inbox.h */
    char *greeting;                /* owned; of the reader; see pg_open.c */
    char *claim;                   /* owned; greeting of the writer */
    int greeting_error;            /* result of the last one */
    char uuid[INBOX_UUID_SIZE];    /* of the inbox; "": not known yet */
    uint64_t timeout_ms;           /* for one request */
    struct pg_connection writer;   /* opens the inbox and stores groups */
    struct pg_reader reader;       /* reads for outlets */
    struct pg_group group;         /* stores groups */
    struct pg_retention retention; /* deletes what is old */
    struct pg_fleet *fleet;        /* owned; NULL: not asked yet */
    struct pg_open *open;          /* while it is being opened */
    int open_connection_count;     /* to be closed */
    int error;                     /* opening: HAPLO_E* or 0 */
    struct reason why;             /* text of error */
};

/* Writes one line about a request that is not FINE: what failed, on which
 * database, why, and what to do. Returns error. */
int pg_store_explain(const struct pg_store *store,
                     const struct pg_request *request, const char *what,
                     int error, struct reason *why);

#endif
