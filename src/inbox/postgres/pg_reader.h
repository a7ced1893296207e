/*
 * pg_reader.h - the connection through which outlets read, and load their
 * progress. It is not the one that commits, so a slow read delays no commit.
 */
#ifndef INBOX_POSTGRES_PG_READER_H
#define INBOX_POSTGRES_PG_READER_H

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_listen.h"

/* Its statements. */
enum pg_query {
    PG_QUERY_MESSAGES, /* of some lanes, after their positions */
    PG_QUERY_NAMES,    /* of the queues of these lanes */
    PG_QUERY_REPLAY,   /* messages of a replay, with the names of queues */
    PG_QUERY_LETTERS,  /* dead letters of a replay, likewise */
    PG_QUERY_START,    /* adds an outlet that does not start at the beginning */
    PG_QUERY_OUTLET,   /* the row of an outlet */
    PG_QUERY_LANES,    /* all lanes that have messages after their positions */
    PG_QUERY_LANES_OF, /* those of some slots */
    PG_QUERY_STATES,   /* the stored states of queues of some servers */
    PG_QUERY_COUNT
};

struct pg_store;

struct pg_reader {
    struct pg_store *store;            /* its owner */
    struct pg_connection connection;   /* for reads only */
    struct pg_listen listen;           /* to what others store */
    char *queries[PG_QUERY_COUNT];     /* owned; with the name of the schema */
    uv_timer_t timer;                  /* starts what is in later */
    struct worker_job_list later;      /* calls that must not be nested */
    unsigned handle_count;             /* to be closed */
    pg_connection_closed_cb closed_cb; /* of pg_reader_close() */
    void *closed_data;                 /* for closed_cb */
};

/* Does not connect yet. 0, or HAPLO_ENOMEM: then there is nothing to close. */
int pg_reader_open(struct pg_reader *reader, struct pg_store *store,
                   uv_loop_t *loop, const char *conninfo);

/* No read or request may be outstanding. closed_cb fires from the loop. */
void pg_reader_close(struct pg_reader *reader,
                     pg_connection_closed_cb closed_cb, void *data);

/* Calls done_cb of the job from the loop. */
void pg_reader_later(struct pg_reader *reader, struct worker_job *job,
                     worker_job_cb done_cb);

/* The operations of the same names in inbox_store.h. */
void pg_read(struct inbox_store *base, struct inbox_read *read);
void pg_read_free(struct inbox_read *read);
void pg_outlet_open(struct inbox_store *base,
                    struct inbox_outlet_request *request);
void pg_lanes(struct inbox_store *base, struct inbox_outlet_request *request);
int pg_refresh(struct inbox_store *base, struct inbox_refresh *refresh);

#endif
