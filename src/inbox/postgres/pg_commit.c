#include "inbox/postgres/pg_commit.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_names.h"

int pg_commit_init(struct pg_commit *commit, const char *schema,
                   const char *notify)
{
    int error;

    memset(commit, 0, sizeof(*commit));
    commit->notify = notify;
    pg_array_init(&commit->marked, PG_INT8);
    commit->mark_sql = pg_names_expand(
        schema, "UPDATE @batches SET marked_at = $2 WHERE first_arrival = ANY "
                "($1::bigint[])");
    error = pg_messages_init(&commit->messages, schema);
    error |= pg_progress_init(&commit->progress, schema);
    return error == 0 && commit->mark_sql != NULL ? 0 : HAPLO_ENOMEM;
}

void pg_commit_free(struct pg_commit *commit)
{
    pg_array_free(&commit->marked);
    pg_messages_free(&commit->messages);
    pg_progress_free(&commit->progress);
    free(commit->mark_sql);
}

void pg_commit_clear(struct pg_commit *commit)
{
    pg_messages_clear(&commit->messages);
    pg_array_clear(&commit->marked);
}

void pg_commit_mark(struct pg_commit *commit, int64_t first_arrival)
{
    pg_array_number(&commit->marked, first_arrival);
}

/* Making it */

static int add_rows(struct pg_rows *rows, struct pg_statement *statements,
                    size_t *count)
{
    size_t row_count;
    int error = pg_rows_write(rows, &statements[*count], &row_count);

    *count += row_count > 0 ? 1 : 0;
    return error;
}

static int add_messages(struct pg_commit *commit, uint64_t now_ms,
                        struct pg_statement *statements, size_t *count)
{
    commit->stored_index = *count;
    if (commit->messages.arrivals.count == 0) {
        return 0;
    }
    *count += PG_MESSAGES_STATEMENT_COUNT;
    return pg_messages_write(&commit->messages, now_ms,
                             &statements[commit->stored_index]);
}

static int add_marks(struct pg_commit *commit, uint64_t now_ms,
                     struct pg_statement *statements, size_t *count)
{
    struct pg_statement *statement = &statements[*count];
    int error;

    if (commit->marked.count == 0) {
        return 0;
    }
    error = pg_array_finish(&commit->marked);
    pg_statement_init(statement, commit->mark_sql);
    pg_statement_array(statement, &commit->marked);
    pg_statement_number(statement, (int64_t)now_ms);
    ++*count;
    return error;
}

static int add_progress(struct pg_commit *commit, struct inbox_group *group,
                        struct pg_statement *statements, size_t *count)
{
    size_t progress_count = 0;
    int error = pg_progress_prepare(&commit->progress, group,
                                    &statements[*count], &progress_count);

    assert(progress_count <= PG_PROGRESS_STATEMENT_COUNT_MAX);
    commit->progress_index = *count;
    *count += progress_count;
    return error;
}

/* The highest arrival, and the slots of the servers, so that a host that has
 * none of them need not look: "4711 17,501". */
static void payload_write(struct pg_commit *commit,
                          const struct inbox_group *group)
{
    bool slots[FLEET_SLOT_COUNT] = {false};
    const struct inbox_delivery *delivery;
    size_t size = sizeof(commit->payload);
    size_t used;
    char separator = ' ';

    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        slots[placement_slot(delivery->queue->server)] = true;
    }
    used = (size_t)snprintf(commit->payload, size, "%lld",
                            (long long)commit->messages.last_arrival);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (slots[slot]) {
            used += (size_t)snprintf(commit->payload + used, size - used,
                                     "%c%u", separator, slot);
            separator = ',';
        }
    }
}

static void add_notify(struct pg_commit *commit,
                       const struct inbox_group *group,
                       struct pg_statement *statements, size_t *count)
{
    struct pg_statement *statement = &statements[*count];

    if (commit->notify == NULL || commit->messages.arrivals.count == 0) {
        return;
    }
    payload_write(commit, group);
    pg_statement_init(statement, "SELECT pg_notify($1, $2)");
    pg_statement_text(statement, commit->notify);
    pg_statement_text(statement, commit->payload);
    ++*count;
}

int pg_commit_make(struct pg_commit *commit, struct pg_rows *rows,
                   struct inbox_group *group, struct pg_statement *statements,
                   size_t *count)
{
    uint64_t now_ms = wall_clock_ms();
    int error = add_rows(rows, statements, count);

    error =
        error == 0 ? add_messages(commit, now_ms, statements, count) : error;
    error = error == 0 ? add_marks(commit, now_ms, statements, count) : error;
    error = error == 0 ? add_progress(commit, group, statements, count) : error;
    if (error == 0) {
        add_notify(commit, group, statements, count);
        pg_statement_init(&statements[*count], "COMMIT");
        ++*count;
    }
    return error;
}

/* Its result */

bool pg_commit_is_json_suspect(const struct pg_commit *commit,
                               const struct pg_request *request)
{
    return request->outcome == PG_FAILED &&
           request->failed_index == commit->stored_index &&
           commit->messages.json_count > 0 &&
           pg_fault_is_of_value(request->sqlstate);
}

/* A transaction in which something has failed is rolled back by COMMIT, without
 * an error. */
void pg_commit_done(struct pg_commit *commit, struct inbox_group *group,
                    const struct pg_request *request)
{
    PGresult *last = request->results[request->statement_count - 1];

    if (strcmp(PQcmdStatus(last), "COMMIT") != 0) {
        group->fault = INBOX_OUTAGE;
        (void)reason_set(&group->why, 0, "the server has rolled it back");
    } else if (request->warning.text[0] != '\0') {
        group->fault = INBOX_DOUBT;
        group->why = request->warning;
    } else {
        group->fault = INBOX_FINE;
        pg_progress_written(&commit->progress, group,
                            request->results + commit->progress_index);
    }
}
