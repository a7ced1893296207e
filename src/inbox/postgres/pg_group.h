/*
 * pg_group.h - stores a group in one transaction.
 */
#ifndef INBOX_POSTGRES_PG_GROUP_H
#define INBOX_POSTGRES_PG_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_messages.h"
#include "inbox/postgres/pg_progress.h"
#include "inbox/postgres/pg_rows.h"

/* A batch of the group that is to be stored. */
struct pg_batch {
    struct inbox_delivery *delivery; /* its delivery */
    struct pg_row *row;              /* of its queue */
    bool *is_missing;                /* owned; see pg_messages_add(), or NULL */
};

struct pg_group {
    /* Set by the owner: */
    struct pg_connection *connection; /* borrowed; of the transaction */
    const char *schema;               /* borrowed */
    const char *notify;               /* borrowed; channel, or NULL */
    uint64_t timeout_ms;              /* for each request */
    bool has_jsonb;                   /* store bodies as jsonb as well */
    void (*written_cb)(struct pg_group *writer); /* the fault of the group is
                                                    set */
    /* Private: */
    struct inbox_group *group;   /* being stored */
    struct pg_rows rows;         /* of its queues */
    struct pg_messages messages; /* to be inserted */
    struct pg_array marked;      /* first arrivals of batches that are marked */
    struct pg_progress progress; /* of outlets */
    struct pg_batch *batches;    /* owned; those to be stored */
    size_t batch_count;          /* in use */
    size_t batch_capacity;       /* allocated */
    size_t check_index;          /* of the batch whose repeats are looked up */
    int64_t *arrivals;           /* owned; numbers that were drawn */
    size_t arrival_count;        /* in use */
    size_t arrival_capacity;     /* allocated */
    struct pg_request request;   /* outstanding */
    struct pg_statement statements[PG_STATEMENT_COUNT_MAX]; /* of request */
    size_t begin_count;     /* statements before the others */
    size_t stored_index;    /* of the statement that inserts messages */
    size_t progress_index;  /* of the first one of progress */
    char last_arrival[24];  /* what the channel is told */
    bool is_each_new;       /* a row of a queue has disappeared */
    bool is_without_json;   /* jsonb may be why the group failed */
    char *draw_sql;         /* owned */
    char *check_sql;        /* owned */
    char *mark_sql;         /* owned */
    char settings_sql[768]; /* limits of the transaction */
};

/* 0 or HAPLO_ENOMEM; pg_group_free() is to be called in any case. */
int pg_group_init(struct pg_group *writer);
void pg_group_free(struct pg_group *writer);

/* Then calls written_cb, from the loop. */
void pg_group_write(struct pg_group *writer, struct inbox_group *group);

#endif
