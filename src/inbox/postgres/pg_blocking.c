#include "inbox/postgres/pg_blocking.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_names.h"

static void ignore_notice(void *data, const char *text)
{
    (void)data;
    (void)text;
}

int pg_blocking_open(struct pg_blocking *blocking, const char *conninfo,
                     uint64_t timeout_ms)
{
    static const char *const keywords[] = {
        "connect_timeout",           "target_session_attrs",
        "fallback_application_name", "tcp_user_timeout",
        "keepalives_idle",           "dbname",
        "client_encoding",           NULL};
    char user_timeout[24];
    char idle[24];
    const char *const values[] = {"10",         "read-write", "haplo-poll",
                                  user_timeout, idle,         conninfo,
                                  "UTF8",       NULL};

    (void)snprintf(user_timeout, sizeof(user_timeout), "%" PRIu64, timeout_ms);
    (void)snprintf(idle, sizeof(idle), "%" PRIu64, timeout_ms / 1000);
    blocking->sqlstate[0] = '\0';
    blocking->pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(blocking->pg) != CONNECTION_OK) {
        pg_message(&blocking->why, PQerrorMessage(blocking->pg));
        return HAPLO_ECONNECT;
    }
    (void)PQsetNoticeProcessor(blocking->pg, ignore_notice, NULL);
    return 0;
}

void pg_blocking_close(struct pg_blocking *blocking)
{
    PQfinish(blocking->pg); /* ends a transaction */
    blocking->pg = NULL;
}

static void fail(struct pg_blocking *blocking, const char *what,
                 const PGresult *result)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    struct reason text;

    (void)snprintf(blocking->sqlstate, sizeof(blocking->sqlstate), "%s",
                   state != NULL ? state : "");
    pg_message(&text, primary != NULL ? primary : PQerrorMessage(blocking->pg));
    (void)reason_set(&blocking->why, 0, "schema %s: %s: %s", blocking->schema,
                     what, text.text);
}

static PGresult *execute(struct pg_blocking *blocking, const char *sql,
                         const struct pg_statement *parameters)
{
    int formats[PG_PARAMETER_COUNT_MAX];

    for (int i = 0; i < PG_PARAMETER_COUNT_MAX; i++) {
        formats[i] = 1;
    }
    return PQexecParams(blocking->pg, sql, parameters->count, parameters->types,
                        parameters->values, parameters->sizes, formats, 1);
}

PGresult *pg_blocking_query(struct pg_blocking *blocking, const char *what,
                            const char *sql,
                            const struct pg_statement *parameters)
{
    char *expanded = pg_names_expand(blocking->schema, sql);
    PGresult *result;

    if (expanded == NULL) {
        blocking->sqlstate[0] = '\0';
        (void)reason_set(&blocking->why, 0, "out of memory");
        return NULL;
    }
    result = execute(blocking, expanded, parameters);
    free(expanded);
    if (PQresultStatus(result) == PGRES_COMMAND_OK ||
        PQresultStatus(result) == PGRES_TUPLES_OK) {
        return result;
    }
    fail(blocking, what, result);
    PQclear(result);
    return NULL;
}

int pg_blocking_run(struct pg_blocking *blocking, const char *what,
                    const char *sql)
{
    const struct pg_statement none = {.count = 0};
    PGresult *result = pg_blocking_query(blocking, what, sql, &none);

    PQclear(result);
    return result != NULL ? 0 : HAPLO_EDELIVERY;
}
