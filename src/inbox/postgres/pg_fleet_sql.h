/*
 * pg_fleet_sql.h - the statements of a request to the tables members and slots.
 */
#ifndef INBOX_POSTGRES_PG_FLEET_SQL_H
#define INBOX_POSTGRES_PG_FLEET_SQL_H

#include <stddef.h>

#include "inbox/inbox_fleet.h"
#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_roster.h"
#include "inbox/postgres/pg_settings.h"
#include "inbox/postgres/pg_statement.h"

#define PG_FLEET_STATEMENT_COUNT_MAX 10

enum pg_fleet_text {
    PG_FLEET_LOCK,    /* locks members */
    PG_FLEET_JOIN,    /* makes the membership */
    PG_FLEET_PRUNE,   /* removes members that have left long ago */
    PG_FLEET_RENEW,   /* renews the membership */
    PG_FLEET_LEAVE,   /* ends it */
    PG_FLEET_MOVE,    /* moves slots */
    PG_FLEET_SLOTS,   /* see pg_roster.h */
    PG_FLEET_MEMBERS, /* likewise */
    PG_FLEET_SHARED,  /* see pg_shared.h */
    PG_FLEET_TEXT_COUNT
};

struct pg_fleet_sql {
    char *texts[PG_FLEET_TEXT_COUNT];    /* owned; with the schema */
    char settings_sql[PG_SETTINGS_SIZE]; /* limits of the transaction */
    struct pg_statement statements[PG_FLEET_STATEMENT_COUNT_MAX];
    size_t count;            /* of statements */
    size_t membership_at;    /* which of them */
    size_t moves_at;         /* likewise; 0: nothing moves */
    size_t slots_at;         /* likewise */
    size_t members_at;       /* likewise */
    size_t shared_at;        /* likewise */
    struct pg_array slots;   /* of moves */
    struct pg_array terms;   /* likewise */
    struct pg_array targets; /* likewise */
    struct pg_array claims;  /* slots that are not handed over */
};

/* 0 or HAPLO_ENOMEM; pg_fleet_sql_free() is to be called in any case. */
int pg_fleet_sql_init(struct pg_fleet_sql *sql, const char *schema);
void pg_fleet_sql_free(struct pg_fleet_sql *sql);

/* Makes the statements of a request, which borrow what it borrows, except the
 * moves. 0 or HAPLO_ENOMEM. */
int pg_fleet_sql_make(struct pg_fleet_sql *sql,
                      const struct inbox_fleet_request *request,
                      const struct pg_roster *roster);

/* Forgets them. */
void pg_fleet_sql_clear(struct pg_fleet_sql *sql);

#endif
