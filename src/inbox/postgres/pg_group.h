/*
 * pg_group.h - stores a group in one transaction.
 */
#ifndef INBOX_POSTGRES_PG_GROUP_H
#define INBOX_POSTGRES_PG_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_arrivals.h"
#include "inbox/postgres/pg_batches.h"
#include "inbox/postgres/pg_commit.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_narrow.h"
#include "inbox/postgres/pg_rows.h"
#include "inbox/postgres/pg_settings.h"

struct pg_group {
    /* Set by the owner: */
    struct pg_connection *connection; /* borrowed; of the transaction */
    const char *schema;               /* borrowed */
    const char *notify;               /* borrowed; channel, or NULL */
    const char *inbox;                /* borrowed; its name */
    uint64_t timeout_ms;              /* for each request */
    bool has_jsonb;                   /* store bodies as jsonb as well */
    void (*written_cb)(struct pg_group *writer); /* the fault of the group is
                                                    set */
    /* Private: */
    struct inbox_group *group;   /* being stored */
    struct pg_rows rows;         /* of its queues */
    struct pg_batches batches;   /* to be stored */
    struct pg_arrivals arrivals; /* of new messages */
    struct pg_commit commit;     /* what is written */
    struct pg_request request;   /* outstanding */
    struct pg_statement statements[PG_STATEMENT_COUNT_MAX]; /* of request */
    bool is_each_new;                    /* a row of a queue has disappeared */
    struct pg_narrow narrow;             /* messages without jsonb */
    bool is_without_json;                /* all messages are */
    char settings_sql[PG_SETTINGS_SIZE]; /* limits of the transaction */
};

/* 0 or HAPLO_ENOMEM; pg_group_free() is to be called in any case. */
int pg_group_init(struct pg_group *writer);
void pg_group_free(struct pg_group *writer);

/* Then calls written_cb, from the loop. */
void pg_group_write(struct pg_group *writer, struct inbox_group *group);

#endif
