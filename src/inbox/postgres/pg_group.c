/*
 * pg_group.c - stores a group in one transaction, with two round trips:
 *
 *   - The first request begins the transaction, adds the rows of new queues,
 *     locks the rows of all queues of the group in the order of their ids, and
 *     then draws the arrivals. In this order: arrivals that are drawn while
 *     the row is locked ascend within the queue.
 *   - The states are compared here, by the library.
 *   - The second request writes the rows of the queues, the messages, the
 *     batches and the progress of outlets, and commits.
 *
 * A group of progress alone needs only the second request. Where a batch
 * contains repeats, their rows are read in between, a request for each batch.
 *
 * A group in which nothing may be stored is committed as well. Where a state is
 * found that was stored by a commit of unknown outcome, this makes sure that
 * that is as durable as any other: it waits for the disk, and for standbys.
 *
 * Failures:
 *
 *   - There is no connection, or it is lost before COMMIT was sent: an outage.
 *   - It is lost after that, or there is no response in time: doubt. So it is
 *     if COMMIT fails for any reason that need not have rolled it back, or
 *     warns that it has not waited for a standby.
 *   - A statement fails: the transaction is rolled back, and the SQLSTATE says
 *     whether all parts or a single one may be the cause (pg_fault.c).
 *   - The server cannot make jsonb of a message: when its batch is written
 *     alone, the messages are tried one by one, and those that it refuses are
 *     stored without. If that does not help, all are.
 *   - Another session holds a lock: lock_timeout ends the wait on the server.
 *     A limit on this side alone would leave sessions behind that go on
 *     waiting, one for each retry.
 */
#include "inbox/postgres/pg_group.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/container_of.h"
#include "inbox/postgres/pg_fault.h"

static void lock_queues(struct pg_group *writer);

int pg_group_init(struct pg_group *writer)
{
    int error = pg_rows_init(&writer->rows, writer->schema);

    pg_settings_write(writer->settings_sql, writer->timeout_ms);
    error |= pg_batches_init(&writer->batches, writer->schema);
    error |= pg_arrivals_init(&writer->arrivals, writer->schema);
    error |= pg_commit_init(&writer->commit, writer->schema, writer->notify);
    return error == 0 ? 0 : HAPLO_ENOMEM;
}

void pg_group_free(struct pg_group *writer)
{
    pg_rows_free(&writer->rows);
    pg_batches_free(&writer->batches);
    pg_arrivals_free(&writer->arrivals);
    pg_commit_free(&writer->commit);
    pg_narrow_clear(&writer->narrow);
}

/* The end */

static void finish(struct pg_group *writer)
{
    pg_batches_clear(&writer->batches);
    pg_rows_release(&writer->rows);
    writer->written_cb(writer);
}

static void submit(struct pg_group *writer, size_t count, pg_request_cb done_cb)
{
    assert(count <= PG_STATEMENT_COUNT_MAX);
    writer->request.statements = writer->statements;
    writer->request.statement_count = count;
    writer->request.limit_ms = writer->timeout_ms;
    writer->request.done_cb = done_cb;
    writer->request.data = writer;
    pg_connection_run(writer->connection, &writer->request);
}

/* Whatever happened to the transaction, it is over: if ROLLBACK failed, then
 * because the connection is lost. */
static void on_rolled_back(struct pg_request *request)
{
    struct pg_group *writer = request->data;

    pg_request_clear(request);
    finish(writer);
}

/* Ends a transaction in which a statement has failed, or that must not be
 * committed. */
static void roll_back(struct pg_group *writer, pg_request_cb done_cb)
{
    pg_statement_init(&writer->statements[0], "ROLLBACK");
    submit(writer, 1, done_cb);
}

static void abandon(struct pg_group *writer, enum inbox_fault fault,
                    const char *why)
{
    writer->group->fault = fault;
    (void)reason_set(&writer->group->why, 0, "%s", why);
    roll_back(writer, on_rolled_back);
}

/* Because the tables are not as they must be. */
static void abandon_unmigrated(struct pg_group *writer, const char *what)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char hint[COMMAND_HINT_SIZE];

    (void)snprintf(why, sizeof(why), "%s: run `%s`", what,
                   command_hint(hint, "migrate", writer->inbox, NULL));
    abandon(writer, INBOX_OUTAGE, why);
}

/* A statement of the request has failed. */
static void explain(struct pg_group *writer, const struct pg_request *request)
{
    char advice[PG_FAULT_ADVICE_SIZE];

    (void)pg_fault_advice(request->sqlstate, writer->inbox, advice);
    (void)reason_set(&writer->group->why, 0, "schema %s: %s%s%s",
                     writer->schema, request->why.text,
                     advice[0] != '\0' ? ": " : "", advice);
}

/* Before COMMIT has been sent. */
static void fail_before_commit(struct pg_group *writer,
                               struct pg_request *request)
{
    bool is_open = request->outcome == PG_FAILED;

    explain(writer, request);
    writer->group->fault = is_open ? pg_fault(request->sqlstate) : INBOX_OUTAGE;
    pg_request_clear(request);
    if (is_open && pg_fault_is_of_server(request->sqlstate)) {
        pg_connection_reset(writer->connection);
        is_open = false;
    }
    if (is_open) {
        roll_back(writer, on_rolled_back);
    } else {
        finish(writer);
    }
}

static void fail_memory(struct pg_group *writer, int error)
{
    abandon(writer, error == HAPLO_ETOOBIG ? INBOX_NEVER : INBOX_PART,
            error == HAPLO_ETOOBIG
                ? "larger than PostgreSQL can receive in one statement (1 GB)"
                : "out of memory");
}

/* The second request */

static void on_commit_failed(struct pg_group *writer,
                             struct pg_request *request)
{
    explain(writer, request);
    writer->group->fault = request->outcome == PG_FAILED
                               ? pg_fault_of_commit(request->sqlstate)
                               : INBOX_DOUBT;
    pg_request_clear(request);
    finish(writer);
}

static void on_narrowed(struct pg_narrow *narrow, bool is_known)
{
    struct pg_group *writer = container_of(narrow, struct pg_group, narrow);

    writer->is_without_json = !is_known;
    lock_queues(writer);
}

/* The only part of the group is a delivery. */
static void on_rolled_back_json(struct pg_request *request)
{
    struct pg_group *writer = request->data;
    int error;

    pg_request_clear(request);
    error = pg_narrow_start(&writer->narrow, writer->connection,
                            STAILQ_FIRST(&writer->group->deliveries),
                            writer->timeout_ms, on_narrowed);
    if (error == HAPLO_ENOMEM) {
        fail_memory(writer, error);
    } else if (error != 0) {
        writer->is_without_json = true;
        lock_queues(writer);
    }
}

static void on_written(struct pg_request *request)
{
    struct pg_group *writer = request->data;

    if (request->outcome == PG_FINE) {
        pg_commit_done(&writer->commit, writer->group, request);
        pg_request_clear(request);
        finish(writer);
    } else if (writer->group->part_count == 1 &&
               pg_commit_is_json_suspect(&writer->commit, request)) {
        pg_request_clear(request);
        roll_back(writer, on_rolled_back_json);
    } else if (request->outcome == PG_UNSENT ||
               (request->outcome == PG_FAILED &&
                request->failed_index + 1 < request->statement_count)) {
        fail_before_commit(writer, request);
    } else {
        on_commit_failed(writer, request);
    }
}

static size_t add_begin(struct pg_group *writer)
{
    pg_statement_init(&writer->statements[0], PG_BEGIN_SQL);
    pg_statement_init(&writer->statements[1], writer->settings_sql);
    return 2;
}

/* count: of the statements that come before. */
static void write_and_commit(struct pg_group *writer, size_t count)
{
    int error = pg_commit_make(&writer->commit, &writer->rows, writer->group,
                               writer->statements, &count);

    if (error != 0) {
        fail_memory(writer, error);
    } else {
        submit(writer, count, on_written);
    }
}

/* Between the requests */

static void take_batches(struct pg_group *writer)
{
    bool has_jsonb = writer->has_jsonb && !writer->is_without_json;

    for (size_t i = 0; i < writer->batches.count; i++) {
        if (!pg_messages_add(&writer->commit.messages,
                             &writer->batches.items[i], &writer->arrivals,
                             has_jsonb ? &writer->narrow : NULL)) {
            abandon_unmigrated(writer, "the sequence of arrivals is behind the "
                                       "messages");
            return;
        }
    }
    write_and_commit(writer, 0);
}

static void on_drawn(struct pg_request *request)
{
    struct pg_group *writer = request->data;
    bool is_kept;

    if (request->outcome != PG_FINE) {
        fail_before_commit(writer, request);
        return;
    }
    is_kept = pg_arrivals_drawn(&writer->arrivals, request->results[0]);
    pg_request_clear(request);
    if (is_kept) {
        take_batches(writer);
    } else {
        fail_memory(writer, HAPLO_ENOMEM);
    }
}

/* Messages that are stored again need arrivals as well. */
static void draw_for_missing(struct pg_group *writer)
{
    size_t count = pg_batches_missing_count(&writer->batches);

    if (count == 0) {
        take_batches(writer);
        return;
    }
    pg_arrivals_draw(&writer->arrivals, count, &writer->statements[0]);
    submit(writer, 1, on_drawn);
}

static void check_repeats(struct pg_group *writer);

static void on_checked(struct pg_request *request)
{
    struct pg_group *writer = request->data;
    bool is_checked;

    if (request->outcome != PG_FINE) {
        fail_before_commit(writer, request);
        return;
    }
    is_checked = pg_batches_checked(&writer->batches, request->results[0]);
    pg_request_clear(request);
    if (is_checked) {
        check_repeats(writer);
    } else {
        fail_memory(writer, HAPLO_ENOMEM);
    }
}

static void check_repeats(struct pg_group *writer)
{
    if (pg_batches_check(&writer->batches, &writer->statements[0])) {
        submit(writer, 1, on_checked);
    } else {
        draw_for_missing(writer);
    }
}

/* Comparing */

static void take_confirms(struct pg_group *writer)
{
    struct inbox_confirm *confirm;
    struct pg_row *row;

    STAILQ_FOREACH (confirm, &writer->group->confirms, link) {
        row = pg_rows_of(&writer->rows, confirm->queue);
        confirm->queue_id = (uint64_t)row->id;
        confirm->compare = haplo_state_compare(confirm->state, row->state);
        if (confirm->compare == HAPLO_COMPARE_CURRENT) {
            unconfirmed_confirm(&row->unconfirmed, confirm->message_count);
            pg_row_set(row, confirm->state);
            if (row->newest_batch != 0) {
                pg_commit_mark(&writer->commit, row->newest_batch);
            }
        }
    }
}

/* False: out of memory. */
static bool take_replace(struct pg_row *row, struct inbox_replace *replace)
{
    replace->queue_id = (uint64_t)row->id;
    replace->compare = inbox_replace_compare(replace, row->state);
    free((char *)replace->stored.data);
    replace->stored = (struct haplo_slice){NULL, 0};
    if (replace->compare == HAPLO_COMPARE_STALE) {
        return pg_row_copy_state(row, &replace->stored);
    }
    unconfirmed_lose(&row->unconfirmed);
    pg_row_set(row, replace->state);
    return true;
}

static bool take_replaces(struct pg_group *writer)
{
    struct inbox_replace *replace;
    bool is_taken = true;

    STAILQ_FOREACH (replace, &writer->group->replaces, link) {
        is_taken =
            take_replace(pg_rows_of(&writer->rows, replace->queue), replace) &&
            is_taken;
    }
    return is_taken;
}

static void compare(struct pg_group *writer)
{
    pg_commit_clear(&writer->commit);
    take_confirms(writer);
    if (take_replaces(writer) &&
        pg_batches_compare(&writer->batches, writer->group, &writer->rows)) {
        check_repeats(writer);
    } else {
        fail_memory(writer, HAPLO_ENOMEM);
    }
}

/* The first request */

static bool take_lock_results(struct pg_group *writer,
                              struct pg_request *request, bool *are_all)
{
    size_t last = request->statement_count - 1;
    size_t lock = last;
    bool is_kept = true;

    if (request->statements[last].sql == writer->arrivals.sql) {
        is_kept = pg_arrivals_drawn(&writer->arrivals, request->results[last]);
        lock--;
    }
    *are_all = pg_rows_locked(&writer->rows, request->results[lock]);
    request->results[lock] = NULL; /* taken */
    return is_kept;
}

static void on_locked(struct pg_request *request)
{
    struct pg_group *writer = request->data;
    bool are_all;
    bool is_kept;

    if (request->outcome != PG_FINE) {
        fail_before_commit(writer, request);
        return;
    }
    is_kept = take_lock_results(writer, request, &are_all);
    pg_request_clear(request);
    if (!is_kept) {
        fail_memory(writer, HAPLO_ENOMEM);
    } else if (!are_all) {
        writer->is_each_new = true;
        abandon(writer, INBOX_OUTAGE,
                "the row of a queue has disappeared: it will be added again");
    } else {
        writer->is_each_new = false;
        compare(writer);
    }
}

static size_t new_count(const struct inbox_group *group)
{
    const struct inbox_delivery *delivery;
    size_t count = 0;

    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        count += delivery->new_count;
    }
    return count;
}

static void lock_queues(struct pg_group *writer)
{
    size_t count = add_begin(writer);
    size_t arrival_count = new_count(writer->group);

    pg_arrivals_clear(&writer->arrivals);
    if (pg_rows_has_new(&writer->rows)) {
        pg_rows_add(&writer->rows, &writer->statements[count++]);
    }
    pg_rows_lock(&writer->rows, &writer->statements[count++]);
    if (arrival_count > 0) {
        pg_arrivals_draw(&writer->arrivals, arrival_count,
                         &writer->statements[count++]);
    }
    submit(writer, count, on_locked);
}

void pg_group_write(struct pg_group *writer, struct inbox_group *group)
{
    int error;

    writer->group = group;
    pg_narrow_clear(&writer->narrow);
    writer->is_without_json = false;
    error = pg_rows_collect(&writer->rows, group, writer->is_each_new);
    if (error != 0) {
        fail_memory(writer, error);
    } else if (writer->rows.count > 0) {
        lock_queues(writer);
    } else {
        pg_commit_clear(&writer->commit);
        write_and_commit(writer, add_begin(writer));
    }
}
