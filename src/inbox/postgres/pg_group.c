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
 *   - The server cannot make jsonb of a message, or anything else that is
 *     derived: when its batch is written alone, it is stored without jsonb.
 *   - Another session holds a lock: lock_timeout ends the wait on the server.
 *     A limit on this side alone would leave sessions behind that go on
 *     waiting, one for each retry.
 */
#include "inbox/postgres/pg_group.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/repeat_set.h"

#define BEGIN_SQL "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"

/* Limits that somebody has set for the role stay in force. */
#define LIMIT_SQL(name)                                                 \
    " set_config('" name "', CASE current_setting('" name "') WHEN '0'" \
    " THEN '%llu' ELSE current_setting('" name "') END, true)"

#define SETTINGS_SQL                                                          \
    "SELECT" LIMIT_SQL("lock_timeout") "," LIMIT_SQL(                         \
        "statement_timeout") "," LIMIT_SQL("idle_in_transaction_session_"     \
                                           "timeout") ", CASE "               \
                                                      "current_setting('"     \
                                                      "synchronous_commit') " \
                                                      "WHEN 'off'"            \
                                                      " THEN "                \
                                                      "set_config('"          \
                                                      "synchronous_commit', " \
                                                      "'on', true) END"

static void lock_queues(struct pg_group *writer);

int pg_group_init(struct pg_group *writer)
{
    unsigned long long timeout = (unsigned long long)writer->timeout_ms;
    int error = 0;

    (void)snprintf(writer->settings_sql, sizeof(writer->settings_sql),
                   SETTINGS_SQL, timeout / 4, timeout / 2, timeout);
    pg_array_init(&writer->marked, PG_INT8);
    writer->draw_sql = pg_names_expand(
        writer->schema,
        "SELECT nextval('@arrivals') FROM generate_series(1, $1)");
    writer->check_sql = pg_names_expand(
        writer->schema, "SELECT body FROM @stored WHERE queue = $1 AND "
                        "arrival >= $2 ORDER BY arrival DESC");
    writer->mark_sql = pg_names_expand(
        writer->schema, "UPDATE @batches SET marked_at = $2 WHERE "
                        "first_arrival = ANY ($1::bigint[])");
    if (writer->draw_sql == NULL || writer->check_sql == NULL ||
        writer->mark_sql == NULL) {
        error = HAPLO_ENOMEM;
    }
    error |= pg_rows_init(&writer->rows, writer->schema);
    error |= pg_messages_init(&writer->messages, writer->schema);
    error |= pg_progress_init(&writer->progress, writer->schema);
    return error == 0 ? 0 : HAPLO_ENOMEM;
}

static void batches_clear(struct pg_group *writer)
{
    for (size_t i = 0; i < writer->batch_count; i++) {
        free(writer->batches[i].is_missing);
    }
    writer->batch_count = 0;
}

void pg_group_free(struct pg_group *writer)
{
    batches_clear(writer);
    free(writer->batches);
    free(writer->arrivals);
    pg_array_free(&writer->marked);
    pg_rows_free(&writer->rows);
    pg_messages_free(&writer->messages);
    pg_progress_free(&writer->progress);
    free(writer->draw_sql);
    free(writer->check_sql);
    free(writer->mark_sql);
}

/* The end */

static void finish(struct pg_group *writer)
{
    batches_clear(writer);
    PQclear(writer->rows.result); /* states in it are not needed any more */
    writer->rows.result = NULL;
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

/* The same, and tries again. */
static void on_rolled_back_json(struct pg_request *request)
{
    struct pg_group *writer = request->data;

    pg_request_clear(request);
    batches_clear(writer);
    lock_queues(writer);
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

/* A statement of the request has failed. */
static void explain(struct pg_group *writer, const struct pg_request *request)
{
    const char *advice = pg_fault_advice(request->sqlstate);

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

/* True if jsonb may be the cause, and the batch is written alone. */
static bool is_without_json_next(const struct pg_group *writer,
                                 const struct pg_request *request)
{
    return request->outcome == PG_FAILED &&
           request->failed_index == writer->stored_index &&
           pg_fault_is_of_value(request->sqlstate) &&
           writer->messages.json_count > 0 && writer->group->part_count == 1;
}

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

static void on_committed(struct pg_group *writer, struct pg_request *request)
{
    const PGresult *commit = request->results[request->statement_count - 1];
    struct inbox_group *group = writer->group;

    if (strcmp(PQcmdStatus((PGresult *)commit), "COMMIT") != 0) {
        group->fault = INBOX_OUTAGE;
        (void)reason_set(&group->why, 0, "the server has rolled it back");
    } else if (request->warning.text[0] != '\0') {
        group->fault = INBOX_DOUBT;
        group->why = request->warning;
    } else {
        group->fault = INBOX_FINE;
        pg_progress_written(&writer->progress, group,
                            request->results + writer->progress_index);
    }
    pg_request_clear(request);
    finish(writer);
}

static void on_written(struct pg_request *request)
{
    struct pg_group *writer = request->data;

    if (request->outcome == PG_FINE) {
        on_committed(writer, request);
    } else if (is_without_json_next(writer, request)) {
        writer->is_without_json = true;
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

static int add_rows(struct pg_group *writer, size_t *count)
{
    size_t row_count;
    int error =
        pg_rows_write(&writer->rows, &writer->statements[*count], &row_count);

    *count += row_count > 0 ? 1 : 0;
    return error;
}

static int add_messages(struct pg_group *writer, uint64_t now_ms, size_t *count)
{
    writer->stored_index = *count;
    if (writer->messages.arrivals.count == 0) {
        return 0;
    }
    *count += PG_MESSAGES_STATEMENT_COUNT;
    return pg_messages_write(&writer->messages, now_ms,
                             &writer->statements[writer->stored_index]);
}

static int add_marks(struct pg_group *writer, uint64_t now_ms, size_t *count)
{
    struct pg_statement *statement = &writer->statements[*count];
    int error;

    if (writer->marked.count == 0) {
        return 0;
    }
    error = pg_array_finish(&writer->marked);
    pg_statement_init(statement, writer->mark_sql);
    pg_statement_array(statement, &writer->marked);
    pg_statement_number(statement, (int64_t)now_ms);
    ++*count;
    return error;
}

static int add_progress(struct pg_group *writer, size_t *count)
{
    size_t progress_count = 0;
    int error =
        pg_progress_prepare(&writer->progress, writer->group,
                            &writer->statements[*count], &progress_count);

    assert(progress_count <= PG_PROGRESS_STATEMENT_COUNT_MAX);
    writer->progress_index = *count;
    *count += progress_count;
    return error;
}

/* Ends the transaction. Those who listen get the highest arrival. */
static void add_commit(struct pg_group *writer, size_t *count)
{
    if (writer->notify != NULL && writer->messages.arrivals.count > 0) {
        (void)snprintf(writer->last_arrival, sizeof(writer->last_arrival),
                       "%lld",
                       (long long)writer->arrivals[writer->arrival_count - 1]);
        pg_statement_init(&writer->statements[*count],
                          "SELECT pg_notify($1, $2)");
        pg_statement_text(&writer->statements[*count], writer->notify);
        pg_statement_text(&writer->statements[*count], writer->last_arrival);
        ++*count;
    }
    pg_statement_init(&writer->statements[*count], "COMMIT");
    ++*count;
}

static size_t add_begin(struct pg_group *writer)
{
    pg_statement_init(&writer->statements[0], BEGIN_SQL);
    pg_statement_init(&writer->statements[1], writer->settings_sql);
    return 2;
}

/* count: of the statements that come before. */
static void write_and_commit(struct pg_group *writer, size_t count)
{
    uint64_t now_ms = wall_clock_ms();
    int error = add_rows(writer, &count);

    error = error == 0 ? add_messages(writer, now_ms, &count) : error;
    error = error == 0 ? add_marks(writer, now_ms, &count) : error;
    error = error == 0 ? add_progress(writer, &count) : error;
    if (error != 0) {
        fail_memory(writer, error);
        return;
    }
    add_commit(writer, &count);
    submit(writer, count, on_written);
}

/* Between the requests */

static void take_batches(struct pg_group *writer)
{
    struct pg_arrivals arrivals = {writer->arrivals, writer->arrival_count, 0};
    bool has_jsonb = writer->has_jsonb && !writer->is_without_json;

    for (size_t i = 0; i < writer->batch_count; i++) {
        struct pg_batch *batch = &writer->batches[i];

        if (!pg_messages_add(&writer->messages, batch->delivery, batch->row,
                             batch->is_missing, &arrivals, has_jsonb)) {
            abandon(writer, INBOX_OUTAGE,
                    "the sequence of arrivals is behind the messages: run "
                    "haplo-poll migrate");
            return;
        }
    }
    write_and_commit(writer, 0);
}

static bool arrivals_reserve(struct pg_group *writer, size_t count)
{
    int64_t *arrivals;

    if (count <= writer->arrival_capacity) {
        return true;
    }
    arrivals = realloc(writer->arrivals, count * sizeof(*arrivals));
    if (arrivals == NULL) {
        return false;
    }
    writer->arrivals = arrivals;
    writer->arrival_capacity = count;
    return true;
}

static bool keep_arrivals(struct pg_group *writer, const PGresult *result)
{
    int count = PQntuples(result);

    if (!arrivals_reserve(writer, writer->arrival_count + (size_t)count)) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        writer->arrivals[writer->arrival_count++] = pg_number(result, i, 0);
    }
    return true;
}

static void make_draw(struct pg_group *writer, struct pg_statement *statement,
                      size_t count)
{
    pg_statement_init(statement, writer->draw_sql);
    pg_statement_number(statement, (int64_t)count);
}

static void on_drawn(struct pg_request *request)
{
    struct pg_group *writer = request->data;
    bool is_kept;

    if (request->outcome != PG_FINE) {
        fail_before_commit(writer, request);
        return;
    }
    is_kept = keep_arrivals(writer, request->results[0]);
    pg_request_clear(request);
    if (is_kept) {
        take_batches(writer);
    } else {
        fail_memory(writer, HAPLO_ENOMEM);
    }
}

/* Messages that are stored again need arrivals as well. */
static void draw_for_mended(struct pg_group *writer)
{
    size_t count = 0;

    for (size_t i = 0; i < writer->batch_count; i++) {
        count += writer->batches[i].delivery->mended_count;
    }
    if (count == 0) {
        take_batches(writer);
        return;
    }
    make_draw(writer, &writer->statements[0], count);
    submit(writer, 1, on_drawn);
}

static bool batch_check(struct pg_batch *batch, const PGresult *result)
{
    struct inbox_delivery *delivery = batch->delivery;
    struct repeat_set repeats;

    batch->is_missing = calloc(delivery->count, sizeof(*batch->is_missing));
    if (batch->is_missing == NULL || !repeat_set_make(&repeats, delivery)) {
        return false;
    }
    for (int i = 0; i < PQntuples(result) && repeats.left > 0; i++) {
        repeat_set_tick(&repeats, pg_bytes(result, i, 0));
    }
    delivery->mended_count = repeat_set_missing(&repeats, batch->is_missing);
    repeat_set_free(&repeats);
    return true;
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
    is_checked =
        batch_check(&writer->batches[writer->check_index], request->results[0]);
    pg_request_clear(request);
    if (!is_checked) {
        fail_memory(writer, HAPLO_ENOMEM);
        return;
    }
    writer->check_index++;
    check_repeats(writer);
}

/* Reads the stored messages that the next batch with repeats may repeat. Some
 * of a queue that came from another inbox are still there: nothing is looked up
 * then. */
static void check_repeats(struct pg_group *writer)
{
    struct pg_statement *statement = &writer->statements[0];

    for (; writer->check_index < writer->batch_count; writer->check_index++) {
        const struct pg_batch *batch = &writer->batches[writer->check_index];

        if (batch->delivery->new_count < batch->delivery->count &&
            batch->row->unconfirmed != PG_ROW_UNKNOWN) {
            pg_statement_init(statement, writer->check_sql);
            pg_statement_number(statement, batch->row->id);
            pg_statement_number(statement, batch->row->unconfirmed_from);
            submit(writer, 1, on_checked);
            return;
        }
    }
    draw_for_mended(writer);
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
            pg_row_confirm(row, confirm->message_count, confirm->state);
            if (row->newest_batch != 0) {
                pg_array_number(&writer->marked, row->newest_batch);
            }
        }
    }
}

static void take_replaces(struct pg_group *writer)
{
    struct inbox_replace *replace;
    struct pg_row *row;

    STAILQ_FOREACH (replace, &writer->group->replaces, link) {
        row = pg_rows_of(&writer->rows, replace->queue);
        replace->queue_id = (uint64_t)row->id;
        pg_row_replace(row, replace->state);
    }
}

static bool copy_stored(struct inbox_delivery *delivery,
                        struct haplo_slice stored)
{
    char *copy = malloc(stored.size + 1);

    if (copy == NULL) {
        return false;
    }
    if (stored.size > 0) {
        memcpy(copy, stored.data, stored.size);
    }
    delivery->stored = (struct haplo_slice){copy, stored.size};
    return true;
}

static bool take_delivery(struct pg_group *writer,
                          struct inbox_delivery *delivery)
{
    struct pg_row *row = pg_rows_of(&writer->rows, delivery->queue);

    delivery->queue_id = (uint64_t)row->id;
    delivery->compare = haplo_state_compare(delivery->state, row->state);
    switch (delivery->compare) {
    case HAPLO_COMPARE_CURRENT:
        writer->batches[writer->batch_count++] =
            (struct pg_batch){delivery, row, NULL};
        return true;
    case HAPLO_COMPARE_STORED:
        delivery->repeat_count = delivery->count;
        return true;
    case HAPLO_COMPARE_STALE:
        break;
    }
    return copy_stored(delivery, row->state);
}

static bool batches_reserve(struct pg_group *writer)
{
    struct pg_batch *batches;

    if (writer->group->part_count <= writer->batch_capacity) {
        return true;
    }
    batches =
        realloc(writer->batches, writer->group->part_count * sizeof(*batches));
    if (batches == NULL) {
        return false;
    }
    writer->batches = batches;
    writer->batch_capacity = writer->group->part_count;
    return true;
}

/* What an attempt that failed has left behind. */
static void delivery_reset(struct inbox_delivery *delivery)
{
    free((char *)delivery->stored.data);
    delivery->stored = (struct haplo_slice){NULL, 0};
    delivery->stored_count = 0;
    delivery->repeat_count = 0;
    delivery->mended_count = 0;
    delivery->first_arrival = 0;
}

static void compare(struct pg_group *writer)
{
    struct inbox_delivery *delivery;

    pg_messages_clear(&writer->messages);
    pg_array_clear(&writer->marked);
    take_confirms(writer);
    take_replaces(writer);
    if (!batches_reserve(writer)) {
        fail_memory(writer, HAPLO_ENOMEM);
        return;
    }
    STAILQ_FOREACH (delivery, &writer->group->deliveries, link) {
        delivery_reset(delivery);
        if (!take_delivery(writer, delivery)) {
            fail_memory(writer, HAPLO_ENOMEM);
            return;
        }
    }
    writer->check_index = 0;
    check_repeats(writer);
}

/* The first request */

static bool take_lock_results(struct pg_group *writer,
                              struct pg_request *request, bool *are_all)
{
    size_t last = request->statement_count - 1;
    size_t lock = last;
    bool is_kept = true;

    if (request->statements[last].sql == writer->draw_sql) {
        is_kept = keep_arrivals(writer, request->results[last]);
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

    writer->arrival_count = 0;
    if (pg_rows_has_new(&writer->rows)) {
        pg_rows_add(&writer->rows, &writer->statements[count++]);
    }
    pg_rows_lock(&writer->rows, &writer->statements[count++]);
    if (arrival_count > 0) {
        make_draw(writer, &writer->statements[count++], arrival_count);
    }
    submit(writer, count, on_locked);
}

void pg_group_write(struct pg_group *writer, struct inbox_group *group)
{
    int error;

    writer->group = group;
    writer->is_without_json = false;
    batches_clear(writer);
    error = pg_rows_collect(&writer->rows, group, writer->is_each_new);
    if (error != 0) {
        fail_memory(writer, error);
    } else if (writer->rows.count > 0) {
        lock_queues(writer);
    } else {
        pg_messages_clear(&writer->messages);
        pg_array_clear(&writer->marked);
        write_and_commit(writer, add_begin(writer));
    }
}
