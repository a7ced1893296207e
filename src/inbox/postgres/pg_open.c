/*
 * pg_open.c - opens an inbox in PostgreSQL.
 *
 *   - The greeting of each connection reads the version and the UUID of the
 *     inbox, and so also finds out if a connection leads to another database
 *     some day.
 *   - The settings on which the durability of a commit depends are looked at.
 *   - The queues are loaded with their states, QUEUE_COUNT at a time.
 *
 * Failures:
 *
 *   - There is no schema, or an older one, or the role may not use it: says to
 *     run haplo-poll migrate.
 *   - Another inbox is being moved to it: says to move the rest.
 *   - The server cannot be reached, or refuses the role: says why.
 *   - Commits are not durable, or may be lost when a standby takes over: a
 *     warning.
 */
#include "inbox/postgres/pg_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/environment.h"
#include "inbox/postgres/pg_fleet.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_schema.h"

#define QUEUE_COUNT 10000 /* rows of queues read at a time */

struct pg_open {
    struct pg_store *store;        /* being opened */
    struct pg_request request;     /* outstanding */
    struct pg_statement statement; /* of request */
    char *queues_sql;              /* owned */
    int64_t last_id;               /* of the queues loaded so far */
    pg_opened_cb opened_cb;        /* of the owner */
};

static void finish(struct pg_open *open, int error, const struct reason *why)
{
    struct pg_store *store = open->store;
    pg_opened_cb opened_cb = open->opened_cb;

    store->open = NULL;
    free(open->queues_sql);
    free(open);
    opened_cb(store, error, why);
}

/* The greeting */

/* Of those that are greeted; all lead to the same database. */
static PGconn *open_connection(const struct pg_store *store)
{
    return store->writer.pg != NULL              ? store->writer.pg
           : store->reader.connection.pg != NULL ? store->reader.connection.pg
                                                 : pg_fleet_pg(store->fleet);
}

static const char greeting_sql[] =
    "SELECT uuid::text, version, environment, moved_until FROM @inbox";

static int greeting_failed(struct pg_store *store,
                           const struct pg_request *greeting,
                           struct reason *why)
{
    const char *state = greeting->sqlstate;
    PGconn *pg = open_connection(store);
    const char *inbox = inbox_name(store->base.inbox);
    char hint[COMMAND_HINT_SIZE];

    if (strcmp(state, "3F000") == 0 || strcmp(state, "42P01") == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "the database %s has no schema %s: run `%s`",
                          PQdb(pg), store->schema,
                          command_hint(hint, "migrate", inbox, NULL));
    }
    if (strcmp(state, "42501") == 0) {
        return reason_set(
            why, HAPLO_EINVAL,
            "the role %s may not use the schema %s of the "
            "database %s: run `%s`",
            PQuser(pg), store->schema, PQdb(pg),
            command_hint(hint, "migrate --writer", PQuser(pg), inbox, NULL));
    }
    return HAPLO_ECONNECT; /* why is already set */
}

static int version_check(const struct pg_store *store, int64_t version,
                         struct reason *why)
{
    char hint[COMMAND_HINT_SIZE];

    if (version == pg_schema_version) {
        return 0;
    }
    if (version > pg_schema_version) {
        return reason_set(why, HAPLO_EINVAL,
                          "the schema %s has version %lld, and this haplo-poll "
                          "knows %lld: upgrade haplo-poll",
                          store->schema, (long long)version,
                          (long long)pg_schema_version);
    }
    return reason_set(
        why, HAPLO_EINVAL,
        "the schema %s has version %lld, and this haplo-poll "
        "needs %lld: run `%s`",
        store->schema, (long long)version, (long long)pg_schema_version,
        command_hint(hint, "migrate", inbox_name(store->base.inbox), NULL));
}

static int greeting_check(struct pg_store *store,
                          const struct pg_request *greeting, struct reason *why)
{
    const PGresult *result = greeting->results[0];
    int error;

    if (greeting->outcome != PG_FINE) {
        return greeting_failed(store, greeting, why);
    }
    if (PQntuples(result) != 1) {
        return reason_set(why, HAPLO_EINVAL,
                          "the table inbox of the schema %s is damaged: it "
                          "must have one row",
                          store->schema);
    }
    error = version_check(store, pg_number(result, 0, 1), why);
    if (error == 0 && !PQgetisnull(result, 0, 3)) {
        error = reason_set(why, HAPLO_EINVAL,
                           "the schema %s has only a part of the inbox that is "
                           "moved to it: run `haplo-poll inbox move` once more",
                           store->schema);
    }
    if (error == 0 && store->uuid[0] == '\0') {
        (void)snprintf(store->uuid, sizeof(store->uuid), "%s",
                       pg_text(result, 0, 0));
    } else if (error == 0 && strcmp(store->uuid, pg_text(result, 0, 0)) != 0) {
        error = reason_set(why, HAPLO_EINVAL,
                           "the database has been replaced by one with another "
                           "inbox: restart haplo-poll if that is intended");
    }
    if (error == 0 && store->environment != NULL &&
        !PQgetisnull(result, 0, 2)) {
        char what[PG_SCHEMA_NAME_SIZE_MAX + 16];

        (void)snprintf(what, sizeof(what), "the schema %s", store->schema);
        error = environment_compare(what, pg_text(result, 0, 2),
                                    store->environment, why);
    }
    return error;
}

static int greet(void *data, const struct pg_request *greeting,
                 struct reason *why)
{
    struct pg_store *store = data;

    store->greeting_error = greeting_check(store, greeting, why);
    return store->greeting_error;
}

void pg_open_greet(struct pg_store *store, struct pg_connection *connection)
{
    pg_connection_greet(connection, store->greeting, store->timeout_ms, greet,
                        store);
}

/* Queues */

static void load_queues(struct pg_open *open);

static void on_queues(struct pg_request *request)
{
    struct pg_open *open = request->data;
    struct pg_store *store = open->store;
    const PGresult *result = request->results[0];
    int count = result != NULL ? PQntuples(result) : 0;
    struct reason why = {""};
    int error = 0;

    if (request->outcome != PG_FINE) {
        error = pg_store_explain(store, request, "load queues", HAPLO_EDELIVERY,
                                 &why);
    }
    for (int i = 0; error == 0 && i < count; i++) {
        open->last_id = pg_number(result, i, 0);
        if (inbox_store_queue(store->base.inbox, (uint64_t)open->last_id,
                              pg_text(result, i, 1), pg_text(result, i, 2),
                              pg_bytes(result, i, 3)) == NULL) {
            error = reason_set(&why, HAPLO_ENOMEM, "out of memory");
        }
    }
    pg_request_clear(request);
    if (error != 0 || count < QUEUE_COUNT) {
        finish(open, error, &why);
    } else {
        load_queues(open);
    }
}

static void load_queues(struct pg_open *open)
{
    pg_statement_init(&open->statement, open->queues_sql);
    pg_statement_number(&open->statement, open->last_id);
    pg_statement_number(&open->statement, QUEUE_COUNT);
    open->request.done_cb = on_queues;
    pg_connection_run(&open->store->writer, &open->request);
}

/* Durability */

static const char durability_sql[] =
    "SELECT current_setting('fsync') = 'off',"
    " current_setting('full_page_writes') = 'off',"
    " current_setting('synchronous_commit'),"
    " current_setting('synchronous_standby_names') <> '',"
    " (SELECT count(*) FROM pg_catalog.pg_stat_replication)";

static void warn_of_durability(struct pg_store *store, const PGresult *result)
{
    struct inbox *inbox = store->base.inbox;
    const char *name = inbox_name(inbox);
    const char *commit = pg_text(result, 0, 2);
    bool is_synchronous = pg_bool(result, 0, 3);

    if (pg_bool(result, 0, 0)) {
        inbox_warn(inbox,
                   "inbox %s: fsync is off: messages are lost if the "
                   "database server crashes",
                   name);
    } else if (pg_bool(result, 0, 1)) {
        inbox_warn(inbox,
                   "inbox %s: full_page_writes is off: a crash of the "
                   "database server may damage what is stored",
                   name);
    }
    if (strcmp(commit, "off") == 0) {
        inbox_warn(inbox,
                   "inbox %s: synchronous_commit is off: it is turned "
                   "on for each transaction of the inbox",
                   name);
    }
    if (is_synchronous &&
        (strcmp(commit, "local") == 0 || strcmp(commit, "remote_write") == 0)) {
        inbox_warn(inbox,
                   "inbox %s: synchronous_commit is %s: messages may be "
                   "lost when a standby takes over",
                   name, commit);
    } else if (!is_synchronous && pg_number(result, 0, 4) > 0) {
        inbox_warn(inbox,
                   "inbox %s: its standbys are asynchronous: messages "
                   "may be lost when one takes over; see "
                   "synchronous_standby_names",
                   name);
    }
}

static void on_durability(struct pg_request *request)
{
    struct pg_open *open = request->data;
    struct reason why;
    int error;

    if (request->outcome != PG_FINE) {
        error = open->store->greeting_error == HAPLO_EINVAL ? HAPLO_EINVAL
                                                            : HAPLO_EDELIVERY;
        error = pg_store_explain(open->store, request, "open", error, &why);
        pg_request_clear(request);
        finish(open, error, &why);
        return;
    }
    warn_of_durability(open->store, request->results[0]);
    pg_request_clear(request);
    load_queues(open);
}

/* The greeting of the writer also sets the environment of an inbox that has
 * none yet. Its name is written in hexadecimal, which needs no quoting. NULL if
 * memory runs out. */
static char *claim_make(const struct pg_store *store)
{
    char hex[2 * HAPLO_NAME_SIZE_MAX + 1] = "";
    char sql[sizeof(hex) + 512];

    if (store->environment == NULL) {
        return pg_names_expand(store->schema, greeting_sql);
    }
    for (size_t i = 0; store->environment[i] != '\0' && 2 * i + 2 < sizeof(hex);
         i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x",
                       (unsigned char)store->environment[i]);
    }
    (void)snprintf(sql, sizeof(sql),
                   "WITH claim AS (UPDATE @inbox SET environment ="
                   " convert_from(decode('%s', 'hex'), 'UTF8')"
                   " WHERE environment IS NULL RETURNING environment) "
                   "SELECT uuid::text, version,"
                   " coalesce((SELECT environment FROM claim), environment),"
                   " moved_until FROM @inbox",
                   hex);
    return pg_names_expand(store->schema, sql);
}

int pg_open_start(struct pg_store *store, pg_opened_cb opened_cb)
{
    struct pg_open *open = calloc(1, sizeof(*open));

    if (open == NULL) {
        return HAPLO_ENOMEM;
    }
    open->queues_sql = pg_names_expand(
        store->schema, "SELECT id, server, queue, state FROM @queues WHERE "
                       "id > $1 ORDER BY id LIMIT $2");
    store->greeting = pg_names_expand(store->schema, greeting_sql);
    store->claim = claim_make(store);
    if (open->queues_sql == NULL || store->greeting == NULL ||
        store->claim == NULL) {
        free(open->queues_sql);
        free(open);
        return HAPLO_ENOMEM;
    }
    pg_connection_greet(&store->writer, store->claim, store->timeout_ms, greet,
                        store);
    pg_open_greet(store, &store->reader.connection);
    open->store = store;
    open->opened_cb = opened_cb;
    store->open = open;
    pg_statement_init(&open->statement, durability_sql);
    open->request.statements = &open->statement;
    open->request.statement_count = 1;
    open->request.limit_ms = store->timeout_ms;
    open->request.done_cb = on_durability;
    open->request.data = open;
    pg_connection_run(&store->writer, &open->request);
    return 0;
}
