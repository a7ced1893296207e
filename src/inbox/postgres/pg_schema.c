/*
 * pg_schema.c - creates and upgrades the schema of an inbox.
 *
 *   - One transaction, which holds a lock, so that two migrations come one
 *     after the other.
 *   - The schema is created unless somebody has created it already, perhaps
 *     because this role may not.
 *   - The steps that are missing are executed.
 *   - With latest_objects, the index of objects is created, otherwise removed:
 *     each message that is stored costs an entry in it.
 *   - The sequence is raised above the highest arrival, in case it was
 *     restored from an older copy than the tables.
 *   - The writer gets what it needs, with a retention period also the right to
 *     delete. It may have it already. Nothing is taken from it.
 *
 * If anything fails, nothing has changed.
 */
#include "inbox/postgres/pg_schema.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_names.h"

#define SERVER_VERSION_MIN 130000 /* gen_random_uuid() */

struct migration {
    PGconn *pg;                          /* owned */
    const struct pg_schema_order *order; /* borrowed */
    const char *schema;                  /* of the order */
    int64_t from;      /* version found; 0: there were no tables */
    struct reason why; /* of the failure */
};

static int fail(struct migration *migration, const char *what,
                const char *message)
{
    struct reason text;

    pg_message(&text, message);
    return reason_set(&migration->why, HAPLO_EDELIVERY, "%s: %s", what,
                      text.text);
}

/* Executes a statement. Returns its result, or NULL with why set. */
static PGresult *query(struct migration *migration, const char *sql)
{
    PGresult *result = PQexec(migration->pg, sql);
    const char *primary;
    char what[80];

    if (PQresultStatus(result) == PGRES_COMMAND_OK ||
        PQresultStatus(result) == PGRES_TUPLES_OK) {
        return result;
    }
    primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    (void)snprintf(what, sizeof(what), "%.*s", (int)strcspn(sql, "("), sql);
    (void)fail(migration, what,
               primary != NULL ? primary : PQerrorMessage(migration->pg));
    PQclear(result);
    return NULL;
}

static int run(struct migration *migration, const char *sql)
{
    PGresult *result = query(migration, sql);

    PQclear(result);
    return result != NULL ? 0 : HAPLO_EDELIVERY;
}

/* The same for SQL with "@", and what is to follow it. */
static int run_expanded(struct migration *migration, const char *sql,
                        const char *rest)
{
    char *expanded = pg_names_expand(migration->schema, sql);
    char *whole = NULL;
    int error = HAPLO_ENOMEM;

    if (expanded != NULL && asprintf(&whole, "%s%s", expanded, rest) >= 0) {
        error = run(migration, whole);
        free(whole);
    } else {
        (void)reason_set(&migration->why, 0, "out of memory");
    }
    free(expanded);
    return error;
}

/* Formats a statement and executes it. Sets *value to the number in its first
 * row, or to -1 if that is NULL. */
static int query_number(struct migration *migration, int64_t *value,
                        const char *format, ...)
{
    char sql[512];
    va_list arguments;
    PGresult *result;

    va_start(arguments, format);
    (void)vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    result = query(migration, sql);
    if (result == NULL) {
        return HAPLO_EDELIVERY;
    }
    *value = PQntuples(result) == 1 && !PQgetisnull(result, 0, 0)
                 ? strtoll(PQgetvalue(result, 0, 0), NULL, 10)
                 : -1;
    PQclear(result);
    return 0;
}

static int check_server(struct migration *migration)
{
    const char *encoding = PQparameterStatus(migration->pg, "server_encoding");

    if (PQserverVersion(migration->pg) < SERVER_VERSION_MIN) {
        return reason_set(&migration->why, HAPLO_EINVAL,
                          "PostgreSQL %s is too old: version %d is needed",
                          PQparameterStatus(migration->pg, "server_version"),
                          SERVER_VERSION_MIN / 10000);
    }
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0) {
        return reason_set(&migration->why, HAPLO_EINVAL,
                          "the database %s has the encoding %s: create one "
                          "with the encoding UTF8",
                          PQdb(migration->pg), encoding);
    }
    return 0;
}

/* Sets from. */
static int find_version(struct migration *migration)
{
    int64_t exists;
    int error = query_number(
        migration, &exists,
        "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = '%s'",
        migration->schema);

    if (error == 0 && exists == 0) {
        error = query_number(migration, &exists, "CREATE SCHEMA \"%s\"",
                             migration->schema);
    }
    if (error == 0) {
        error = query_number(migration, &exists,
                             "SELECT to_regclass('\"%s\".inbox')::oid::bigint",
                             migration->schema);
    }
    migration->from = 0;
    if (error == 0 && exists > 0) {
        error =
            query_number(migration, &migration->from,
                         "SELECT version FROM \"%s\".inbox", migration->schema);
    }
    return error;
}

static int run_steps(struct migration *migration)
{
    int error = 0;

    for (int64_t i = migration->from; error == 0 && i < pg_schema_version;
         i++) {
        const char *const *statement = pg_schema_steps[i];

        for (; error == 0 && *statement != NULL; statement++) {
            error = run_expanded(migration, *statement, "");
        }
    }
    return error;
}

static int set_version(struct migration *migration)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "UPDATE @inbox SET version = %lld",
                   (long long)pg_schema_version);
    return run_expanded(migration, sql, "");
}

static int raise_arrivals(struct migration *migration)
{
    return run_expanded(
        migration,
        "SELECT setval('@arrivals', highest) FROM"
        " (SELECT max(last_arrival) AS highest FROM @queues) AS q,"
        " @arrivals AS s WHERE highest > s.last_value",
        "");
}

static int grant_all(struct migration *migration, const char *const *grants,
                     const char *to)
{
    int error = 0;

    for (size_t i = 0; error == 0 && grants[i] != NULL; i++) {
        error = run_expanded(migration, grants[i], to);
    }
    return error;
}

static int grant(struct migration *migration)
{
    const char *writer = migration->order->writer;
    char *role = PQescapeIdentifier(migration->pg, writer, strlen(writer));
    char to[256];
    char sql[512];
    int error;

    if (role == NULL) {
        return fail(migration, "quote the name of the writer",
                    PQerrorMessage(migration->pg));
    }
    (void)snprintf(to, sizeof(to), " TO %s", role);
    (void)snprintf(sql, sizeof(sql), "GRANT USAGE ON SCHEMA \"%s\"",
                   migration->schema);
    PQfreemem(role);
    error = run_expanded(migration, sql, to);
    if (error == 0) {
        error = grant_all(migration, pg_schema_grants, to);
    }
    if (error == 0 && migration->order->has_keep) {
        error = grant_all(migration, pg_schema_grants_of_keep, to);
    }
    return error;
}

static int migrate(struct migration *migration)
{
    int error = check_server(migration);

    if (error == 0) {
        error = run(migration, "BEGIN");
    }
    if (error == 0) { /* that an index is there already is no news */
        error = run(migration, "SET LOCAL client_min_messages = warning");
    }
    if (error == 0) {
        error = run(migration,
                    "SELECT pg_advisory_xact_lock(hashtext('haplo-poll'))");
    }
    if (error == 0) {
        error = find_version(migration);
    }
    if (error == 0 && migration->from > pg_schema_version) {
        error = reason_set(&migration->why, HAPLO_EINVAL,
                           "the schema %s has version %lld, and this "
                           "haplo-poll knows %lld: upgrade haplo-poll",
                           migration->schema, (long long)migration->from,
                           (long long)pg_schema_version);
    }
    if (error == 0 && migration->from < pg_schema_version) {
        error = run_steps(migration);
        error = error == 0 ? set_version(migration) : error;
    }
    if (error == 0) {
        error = run_expanded(migration,
                             migration->order->keeps_latest
                                 ? pg_schema_object_index
                                 : pg_schema_object_index_drop,
                             "");
    }
    if (error == 0) {
        error = raise_arrivals(migration);
    }
    if (error == 0 && migration->order->writer != NULL) {
        error = grant(migration);
    }
    return error == 0 ? run(migration, "COMMIT") : error;
}

static void tell(const struct migration *migration, char *text,
                 size_t text_size)
{
    const char *writer = migration->order->writer;
    char done[128];

    if (migration->from == 0) {
        (void)snprintf(done, sizeof(done), "created with version %lld",
                       (long long)pg_schema_version);
    } else if (migration->from < pg_schema_version) {
        (void)snprintf(done, sizeof(done), "upgraded from version %lld to %lld",
                       (long long)migration->from,
                       (long long)pg_schema_version);
    } else {
        (void)snprintf(done, sizeof(done), "has version %lld already",
                       (long long)pg_schema_version);
    }
    (void)reason_write(text, text_size, 0, "schema %s of database %s: %s%s%s%s",
                       migration->schema, PQdb(migration->pg), done,
                       writer != NULL ? "; writer: " : "",
                       writer != NULL ? writer : "",
                       writer != NULL && migration->order->has_keep
                           ? ", which may delete messages"
                           : "");
}

int pg_schema_migrate(const char *conninfo, const struct pg_schema_order *order,
                      char *text, size_t text_size)
{
    static const char *const keywords[] = {
        "connect_timeout", "target_session_attrs", "fallback_application_name",
        "dbname",          "client_encoding",      NULL};
    const char *const values[] = {"10",     "read-write", "haplo-poll migrate",
                                  conninfo, "UTF8",       NULL};
    struct migration migration = {.order = order, .schema = order->schema};
    int error;

    migration.pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(migration.pg) != CONNECTION_OK) {
        pg_message(&migration.why, PQerrorMessage(migration.pg));
        error = HAPLO_ECONNECT;
    } else {
        error = migrate(&migration);
    }
    if (error == 0) {
        tell(&migration, text, text_size);
    } else {
        (void)reason_write(text, text_size, 0, "%s", migration.why.text);
    }
    PQfinish(migration.pg); /* ends the transaction */
    return error;
}
