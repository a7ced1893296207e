/*
 * pg_blocking.h - a connection whose statements block, for commands.
 */
#ifndef INBOX_POSTGRES_PG_BLOCKING_H
#define INBOX_POSTGRES_PG_BLOCKING_H

#include <stdint.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "inbox/postgres/pg_connection.h"
#include "inbox/postgres/pg_statement.h"

struct pg_blocking {
    PGconn *pg;                      /* owned; NULL: not open */
    const char *schema;              /* borrowed */
    char sqlstate[PG_SQLSTATE_SIZE]; /* of the last failure; or "" */
    struct reason why;               /* of the last failure */
};

/* Connects to a server that can be written to, which then has so long to answer
 * each packet. Returns 0, or HAPLO_ECONNECT with why set. Must be closed in
 * either case. */
int pg_blocking_open(struct pg_blocking *blocking, const char *conninfo,
                     uint64_t timeout_ms);
void pg_blocking_close(struct pg_blocking *blocking);

/* Executes SQL with "@", and with the parameters of a statement, whose own SQL
 * is not used. Returns its result in binary format, which must be cleared; or
 * NULL with why set, which begins with what failed: "add messages". */
PGresult *pg_blocking_query(struct pg_blocking *blocking, const char *what,
                            const char *sql,
                            const struct pg_statement *parameters);

/* The same without parameters or a result. Returns 0, or HAPLO_EDELIVERY with
 * why set. */
int pg_blocking_run(struct pg_blocking *blocking, const char *what,
                    const char *sql);

#endif
