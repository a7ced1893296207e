/*
 * pg_move.c - takes what inbox_move() copies from another inbox.
 *
 *   - begin() stores the UUID of the source in moved_from, and sets
 *     moved_until, with which no process opens the inbox any more. The same
 *     transaction adds all queues, with a note in place of their states: for a
 *     process that has the inbox open. Arrivals continue above those of the
 *     source.
 *   - Messages are added in many transactions, each of which raises
 *     moved_until.
 *   - Between seal() and sealed() is one transaction. Its commit returns when
 *     everything before it is durable as well.
 *   - finish() puts the states in place of the notes, and takes over the UUID.
 *
 * Setting sequences, and writing to all tables, takes the role that owns them.
 * Nobody gets rights for the sake of this.
 */
#include "inbox/postgres/pg_move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/container_of.h"
#include "base/environment.h"
#include "inbox/postgres/pg_blocking.h"
#include "inbox/postgres/pg_move_rows.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_settings.h"
#include "inbox/postgres/postgres_inbox.h"

struct pg_move {
    struct inbox_sink base;      /* must be first */
    const char *name;            /* of the inbox; borrowed */
    const char *environment;     /* in which it is used; borrowed */
    struct pg_blocking blocking; /* all is done over it */
    struct pg_move_rows rows;    /* not written yet */
    uint64_t highest_replay;     /* number that was ever used */
    bool is_beginning;           /* in the transaction of begin() */
};

static struct pg_move *move_of(struct inbox_sink *base)
{
    return container_of(base, struct pg_move, base);
}

/* Failures */

/* Adds what to do about it. */
static int explain(struct pg_move *move, int error, struct reason *why)
{
    const struct pg_blocking *blocking = &move->blocking;
    const char *state = blocking->sqlstate;
    char hint[COMMAND_HINT_SIZE];

    if (strcmp(state, "3F000") == 0 || strcmp(state, "42P01") == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "the database %s has no schema %s: run `%s`",
                          PQdb(blocking->pg), blocking->schema,
                          command_hint(hint, "migrate", move->name, NULL));
    }
    if (strcmp(state, "42501") == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: the role %s may not do that: name the role that "
                          "owns the schema, with --owner",
                          blocking->why.text, PQuser(blocking->pg));
    }
    *why = blocking->why;
    return error;
}

static int run(struct pg_move *move, const char *what, const char *sql,
               struct reason *why)
{
    int error = pg_blocking_run(&move->blocking, what, sql);

    return error == 0 ? 0 : explain(move, error, why);
}

/* The same with a number as $1. */
static int run_number(struct pg_move *move, const char *what, const char *sql,
                      uint64_t number, struct reason *why)
{
    struct pg_statement statement;
    PGresult *result;

    pg_statement_init(&statement, NULL);
    pg_statement_number(&statement, (int64_t)number);
    result = pg_blocking_query(&move->blocking, what, sql, &statement);
    PQclear(result);
    return result != NULL ? 0 : explain(move, HAPLO_EDELIVERY, why);
}

/* The same with a text as $1. Sets *count to the number of rows written. */
static int run_text(struct pg_move *move, const char *what, const char *sql,
                    const char *text, long *count, struct reason *why)
{
    struct pg_statement statement;
    PGresult *result;

    pg_statement_init(&statement, NULL);
    pg_statement_text(&statement, text);
    result = pg_blocking_query(&move->blocking, what, sql, &statement);
    if (result == NULL) {
        return explain(move, HAPLO_EDELIVERY, why);
    }
    *count = strtol(PQcmdTuples(result), NULL, 10);
    PQclear(result);
    return 0;
}

/* Transactions */

static int begin_transaction(struct pg_move *move, struct reason *why)
{
    int error = run(move, "begin", PG_BEGIN_SQL, why);

    if (error == 0) {
        error = run(move, "begin", "SET LOCAL lock_timeout = '15s'", why);
    }
    return error == 0
               ? run(move, "begin",
                     "SELECT set_config('synchronous_commit', 'on', true)"
                     " WHERE current_setting('synchronous_commit') ="
                     " 'off'",
                     why)
               : error;
}

static int commit(struct pg_move *move, struct reason *why)
{
    move->is_beginning = false;
    return run(move, "commit", "COMMIT", why);
}

/* The beginning */

/* Hosts that share the servers would not see that it is another inbox now. */
static int refuse_members(struct pg_move *move, struct reason *why)
{
    const struct pg_statement none = {.count = 0};
    PGresult *result = pg_blocking_query(
        &move->blocking, "look for hosts",
        "SELECT count(*) FROM @members WHERE expires_at > " PG_NOW_MS, &none);
    int64_t count;

    if (result == NULL) {
        return explain(move, HAPLO_EDELIVERY, why);
    }
    count = pg_number(result, 0, 0);
    PQclear(result);
    return count == 0 ? 0
                      : reason_set(why, HAPLO_EEXIST,
                                   "schema %s: is in use by hosts that share "
                                   "the servers: stop them first",
                                   move->blocking.schema);
}

static int claim(struct pg_move *move, const struct inbox_source *source,
                 struct reason *why)
{
    long count = 0;
    int error = run(move, "lock the tables",
                    "LOCK TABLE @queues, @stored, @outlets"
                    " IN SHARE ROW EXCLUSIVE MODE",
                    why);

    if (error == 0) {
        error = refuse_members(move, why);
    }
    if (error == 0) {
        error = run_text(move, "begin the move",
                         "UPDATE @inbox SET moved_from = $1::uuid,"
                         " moved_until = 0 WHERE moved_from IS NULL"
                         " AND NOT EXISTS (SELECT 1 FROM @queues)"
                         " AND NOT EXISTS (SELECT 1 FROM @stored)"
                         " AND NOT EXISTS (SELECT 1 FROM @outlets)",
                         source->uuid, &count, why);
    }
    if (error == 0 && count != 1) {
        error = reason_set(why, HAPLO_EINVAL,
                           "schema %s: another process has just begun to use "
                           "it: create another",
                           move->blocking.schema);
    }
    return error;
}

static int move_begin(struct inbox_sink *base,
                      const struct inbox_source *source, struct reason *why)
{
    struct pg_move *move = move_of(base);
    int error = begin_transaction(move, why);

    move->is_beginning = true;
    move->highest_replay = source->highest_replay;
    if (error == 0 && base->state == INBOX_SINK_EMPTY) {
        error = claim(move, source, why);
    }
    return error == 0 ? run_number(move, "raise the arrivals",
                                   "SELECT setval('@arrivals', $1)"
                                   " FROM @arrivals WHERE $1 > last_value",
                                   source->highest_arrival, why)
                      : error;
}

/* Rows */

static int write_rows(struct pg_move *move, struct reason *why)
{
    int error = pg_move_rows_write(&move->rows, &move->blocking);

    return error == 0 ? 0 : explain(move, error, why);
}

static int move_put(struct inbox_sink *base, enum inbox_move_part part,
                    const struct inbox_move_value *row, struct reason *why)
{
    struct pg_move *move = move_of(base);

    pg_move_rows_add(&move->rows, part, row);
    return pg_move_rows_are_many(&move->rows) ? write_rows(move, why) : 0;
}

/* The numbers of rows continue above those that the source has used. */
static int raise_ids(struct pg_move *move, enum inbox_move_part part,
                     struct reason *why)
{
    if (part == INBOX_MOVE_QUEUES) {
        return run(move, "raise the numbers of queues",
                   "SELECT setval(pg_get_serial_sequence('@queues', 'id'),"
                   " max(id)) FROM @queues HAVING max(id) IS NOT NULL",
                   why);
    }
    if (part == INBOX_MOVE_OUTLETS) {
        return run(move, "raise the numbers of outlets",
                   "SELECT setval(pg_get_serial_sequence('@outlets', 'id'),"
                   " max(id)) FROM @outlets HAVING max(id) IS NOT NULL",
                   why);
    }
    return part != INBOX_MOVE_REPLAYS
               ? 0
               : run_number(
                     move, "raise the numbers of replays",
                     "SELECT setval(pg_get_serial_sequence('@replays', 'id'),"
                     " $1) WHERE $1 > 0",
                     move->highest_replay, why);
}

static int move_end(struct inbox_sink *base, enum inbox_move_part part,
                    struct reason *why)
{
    struct pg_move *move = move_of(base);
    int error = write_rows(move, why);

    if (error == 0) {
        error = raise_ids(move, part, why);
    }
    return error == 0 && move->is_beginning ? commit(move, why) : error;
}

/* The end */

static int move_seal(struct inbox_sink *base, struct reason *why)
{
    struct pg_move *move = move_of(base);
    int error = begin_transaction(move, why);

    return error == 0 ? run(move, "replace the progress of outlets",
                            "WITH p AS (DELETE FROM @positions),"
                            " d AS (DELETE FROM @dead_letters),"
                            " r AS (DELETE FROM @replays) DELETE FROM @outlets",
                            why)
                      : error;
}

static int move_sealed(struct inbox_sink *base, struct reason *why)
{
    struct pg_move *move = move_of(base);
    long count;
    int error = run_text(move, "set the environment",
                         "UPDATE @inbox SET environment ="
                         " coalesce(environment, $1)",
                         move->environment, &count, why);

    return error == 0 ? commit(move, why) : error;
}

static int move_finish(struct inbox_sink *base, struct reason *why)
{
    struct pg_move *move = move_of(base);
    int error = begin_transaction(move, why);

    if (error == 0) {
        error = run(move, "set the states of queues",
                    "UPDATE @queues SET state = moved_state, moved_state = NULL"
                    " WHERE moved_state IS NOT NULL",
                    why);
    }
    if (error == 0) {
        error =
            run(move, "end the move",
                "UPDATE @inbox SET uuid = moved_from, moved_until = NULL", why);
    }
    if (error == 0) {
        error = commit(move, why);
    }
    if (error == 0) { /* it is in use whether or not this succeeds */
        (void)pg_blocking_run(&move->blocking, "analyze",
                              "ANALYZE @queues, @stored, @batches, @positions");
    }
    return error;
}

static void move_close(struct inbox_sink *base)
{
    struct pg_move *move = move_of(base);

    pg_blocking_close(&move->blocking);
    pg_move_rows_free(&move->rows);
    free(move);
}

static const struct inbox_sink_ops ops = {
    .begin = move_begin,
    .put = move_put,
    .end = move_end,
    .seal = move_seal,
    .sealed = move_sealed,
    .finish = move_finish,
    .close = move_close,
};

/* Opening */

static const char facts_sql[] =
    "SELECT version, uuid::text, coalesce(moved_from::text, ''),"
    " coalesce(moved_until, -1), environment,"
    " EXISTS (SELECT 1 FROM @queues) OR EXISTS (SELECT 1 FROM @stored)"
    "  OR EXISTS (SELECT 1 FROM @outlets) FROM @inbox";

static void facts_take(struct pg_move *move, const PGresult *result)
{
    struct inbox_sink *base = &move->base;
    int64_t moved_until = pg_number(result, 0, 3);
    bool has_source;

    (void)snprintf(base->uuid, sizeof(base->uuid), "%s", pg_text(result, 0, 1));
    (void)snprintf(base->moved_from, sizeof(base->moved_from), "%s",
                   pg_text(result, 0, 2));
    has_source = base->moved_from[0] != '\0';
    base->copied_to = moved_until > 0 ? (uint64_t)moved_until : 0;
    base->state = moved_until >= 0        ? INBOX_SINK_PARTIAL
                  : has_source            ? INBOX_SINK_COMPLETE
                  : pg_bool(result, 0, 5) ? INBOX_SINK_USED
                                          : INBOX_SINK_EMPTY;
}

static int facts_check(const struct pg_move *move, const PGresult *result,
                       struct reason *why)
{
    char what[PG_SCHEMA_NAME_SIZE_MAX + 16];
    char hint[COMMAND_HINT_SIZE];

    if (PQntuples(result) != 1) {
        return reason_set(why, HAPLO_EINVAL,
                          "the table inbox of the schema %s is damaged: it "
                          "must have one row",
                          move->blocking.schema);
    }
    if (pg_number(result, 0, 0) != pg_schema_version) {
        return reason_set(why, HAPLO_EINVAL,
                          "the schema %s has version %lld, and this haplo-poll "
                          "needs %lld: run `%s`, or upgrade haplo-poll",
                          move->blocking.schema,
                          (long long)pg_number(result, 0, 0),
                          (long long)pg_schema_version,
                          command_hint(hint, "migrate", move->name, NULL));
    }
    if (PQgetisnull(result, 0, 4)) {
        return 0;
    }
    (void)snprintf(what, sizeof(what), "the schema %s", move->blocking.schema);
    return environment_compare(what, pg_text(result, 0, 4), move->environment,
                               why);
}

static int facts_read(struct pg_move *move, struct reason *why)
{
    const struct pg_statement none = {.count = 0};
    PGresult *result =
        pg_blocking_query(&move->blocking, "open", facts_sql, &none);
    int error;

    if (result == NULL) {
        return explain(move, HAPLO_EDELIVERY, why);
    }
    error = facts_check(move, result, why);
    if (error == 0) {
        facts_take(move, result);
    }
    PQclear(result);
    return error;
}

int pg_move_open(const struct inbox_sink_order *order, struct inbox_sink **out,
                 struct reason *why)
{
    const struct postgres_inbox_options *own = order->options;
    struct pg_move *move = calloc(1, sizeof(*move));
    int error;

    if (move == NULL) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    move->base.ops = &ops;
    move->name = order->name;
    move->environment = order->environment;
    move->blocking.schema = own->schema;
    error = pg_move_rows_init(&move->rows, own->has_jsonb);
    if (error != 0) {
        (void)reason_set(why, 0, "out of memory");
    } else {
        error = pg_blocking_open(&move->blocking,
                                 order->owner != NULL ? order->owner
                                                      : own->conninfo,
                                 own->timeout_ms);
        *why = move->blocking.why;
    }
    if (error == 0) {
        error = facts_read(move, why);
    }
    if (error != 0) {
        move_close(&move->base);
        return error;
    }
    *out = &move->base;
    return 0;
}
