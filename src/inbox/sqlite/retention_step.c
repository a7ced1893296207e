/*
 * retention_step.c - deletes what may go, in transactions so short that
 * commits of groups hardly notice.
 *
 *   - The outlets' cursors say up to where everything was passed. An outlet
 *     that is configured and has no row yet may want everything: nothing goes.
 *   - Batches are visited in order. retention_rule.c decides about each.
 *   - The rows of a batch that may go are deleted, except those that an outlet
 *     has deferred, or that are dead letters. A few rows are deleted per
 *     statement, fewer if they are large, until STEP_NS have passed.
 *   - With latest_objects, the newest message of each object stays as well:
 *     latest_index.c knows which these are, up to an arrival; what is after it
 *     is not examined yet.
 *   - With its last row, the row of the batch goes as well. Arrivals are not
 *     reused, so links to it from later batches (`older`, newest_batch) find
 *     nothing and end there.
 *   - When nothing is left to delete and much of the file is free pages, a few
 *     of them are returned to the file system per step. The rest is reused by
 *     new messages.
 *
 * After a failure everything is rolled back, and the pass begins again.
 */
#include "inbox/sqlite/retention_step.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/wall_clock.h"
#include "inbox/sqlite/free_pages.h"
#include "inbox/sqlite/latest_index.h"

#define STEP_NS UINT64_C(1000000)     /* after this, no more statements */
#define STATEMENT_NS UINT64_C(500000) /* what one should take at most */
#define ROWS_MAX 256                  /* per statement */
#define BATCHES_MAX 4096              /* looked at per step */

/* The outlets */

static void name_append(char *names, const char *name)
{
    size_t size = strlen(names);

    (void)snprintf(names + size, RETENTION_NAMES_SIZE - size, "%s%s",
                   size > 0 ? ", " : "", name);
}

static bool is_configured(const struct retention_step *step, const char *name)
{
    for (size_t i = 0; i < step->outlet_count; i++) {
        if (strcmp(step->outlets[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Notes the outlet of the current row. */
static int note_outlet(struct retention_step *step, sqlite3_stmt *select,
                       size_t *found_count, uint64_t *passed_to)
{
    const char *name = (const char *)sqlite3_column_text(select, 0);
    uint64_t cursor = (uint64_t)sqlite3_column_int64(select, 1);

    if (name == NULL) {
        return SQLITE_NOMEM;
    }
    if (is_configured(step, name)) {
        (*found_count)++;
    } else {
        name_append(step->removed, name);
    }
    if (cursor < *passed_to) {
        *passed_to = cursor;
    }
    return SQLITE_ROW;
}

/* How far all outlets have got. */
static int passed_read(struct retention_step *step, uint64_t *passed_to)
{
    sqlite3_stmt *select = step->writer->statements[WRITER_RETAIN_OUTLETS];
    size_t found_count = 0;
    int code = SQLITE_ROW;

    *passed_to = RETENTION_NO_OUTLETS;
    step->removed[0] = '\0';
    while (code == SQLITE_ROW) {
        code = sqlite3_step(select);
        if (code == SQLITE_ROW) {
            code = note_outlet(step, select, &found_count, passed_to);
        }
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    if (found_count < step->outlet_count) {
        *passed_to = 0; /* it may want everything */
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Batches */

struct candidate {
    struct retention_batch batch; /* to be judged */
    int64_t queue;                /* id of its queue */
};

static int64_t column_or(sqlite3_stmt *select, int column, int64_t fallback)
{
    return sqlite3_column_type(select, column) == SQLITE_NULL
               ? fallback
               : sqlite3_column_int64(select, column);
}

/* The next batch of the pass; *is_found false: there is none. */
static int candidate_read(struct retention_step *step,
                          struct candidate *candidate, bool *is_found)
{
    sqlite3_stmt *select = step->writer->statements[WRITER_RETAIN_NEXT];
    int code = sqlite3_bind_int64(select, 1, step->batch_done);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    *is_found = code == SQLITE_ROW;
    if (code == SQLITE_ROW) {
        candidate->batch.first_arrival =
            (uint64_t)sqlite3_column_int64(select, 0);
        candidate->batch.count = (uint64_t)sqlite3_column_int64(select, 1);
        candidate->batch.received_at_ms =
            (uint64_t)sqlite3_column_int64(select, 2);
        candidate->queue = sqlite3_column_int64(select, 3);
        candidate->batch.unconfirmed = column_or(select, 4, -1);
        candidate->batch.unconfirmed_from = (uint64_t)column_or(select, 5, 0);
    }
    (void)sqlite3_reset(select); /* repeats the error above */
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static enum inbox_fault run_numbers(struct writer *writer,
                                    enum writer_statement which,
                                    const int64_t *values, int count)
{
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && i < count; i++) {
        code = sqlite3_bind_int64(writer->statements[which], i + 1, values[i]);
    }
    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, which);
}

/* Large rows take long, as each of their pages is put on the list of free
 * ones. */
static void adapt(struct retention_step *step, uint64_t took_ns)
{
    if (took_ns > STATEMENT_NS && step->rows_max > 1) {
        step->rows_max /= 2;
    } else if (took_ns < STATEMENT_NS / 4 && step->rows_max < ROWS_MAX) {
        step->rows_max *= 2;
    }
}

static int64_t lower(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Deletes the next rows of a batch, and at its end the batch. */
static enum inbox_fault rows_delete(struct retention_step *step,
                                    const struct candidate *candidate)
{
    struct writer *writer = step->writer;
    int64_t first = (int64_t)candidate->batch.first_arrival;
    int64_t last = first + (int64_t)candidate->batch.count - 1;
    int64_t from = step->row_done >= first ? step->row_done + 1 : first;
    int64_t to = lower(last, from + step->rows_max - 1);
    uint64_t began_ns = uv_hrtime();
    enum inbox_fault fault =
        run_numbers(writer, WRITER_RETAIN_DELETE,
                    (const int64_t[]){from, to, candidate->queue,
                                      step->keeps_latest ? 1 : 0},
                    4);

    if (fault != INBOX_FINE) {
        return fault;
    }
    step->deleted_count += (uint64_t)sqlite3_changes(writer->db);
    adapt(step, uv_hrtime() - began_ns);
    step->row_done = to;
    if (to < last) {
        return INBOX_FINE;
    }
    step->batch_done = first;
    return run_numbers(writer, WRITER_RETAIN_BATCH,
                       (const int64_t[]){first, last}, 2);
}

/* Looks at one batch. *is_end: the pass is over. */
static enum inbox_fault batch_examine(struct retention_step *step,
                                      const struct retention_limits *limits,
                                      bool *is_end)
{
    struct candidate candidate;
    bool is_found;
    int code = candidate_read(step, &candidate, &is_found);

    *is_end = code != SQLITE_OK || !is_found;
    if (*is_end) {
        return writer_fault(step->writer, code);
    }
    switch (retention_judge(limits, &candidate.batch)) {
    case RETENTION_GO:
        return rows_delete(step, &candidate);
    case RETENTION_STAY:
        step->batch_done = (int64_t)candidate.batch.first_arrival;
        return INBOX_FINE;
    case RETENTION_STOP:
        break;
    }
    *is_end = true;
    return INBOX_FINE;
}

static enum inbox_fault batches_examine(struct retention_step *step,
                                        const struct retention_limits *limits)
{
    uint64_t began_ns = uv_hrtime();
    enum inbox_fault fault = INBOX_FINE;
    bool is_end = false;

    for (int i = 0; i < BATCHES_MAX && fault == INBOX_FINE && !is_end &&
                    uv_hrtime() - began_ns < STEP_NS;
         i++) {
        fault = batch_examine(step, limits, &is_end);
    }
    return fault;
}

/* True if there is a batch to delete or to pass, so that a transaction is
 * worth its commit. */
static enum inbox_fault is_any_due(struct retention_step *step,
                                   struct retention_limits *limits,
                                   bool *is_due)
{
    struct candidate candidate;
    uint64_t known = 0;
    int code = passed_read(step, &limits->passed_to);

    *is_due = false;
    if (code == SQLITE_OK && step->keeps_latest) {
        code = latest_index_known(step->writer, &known);
        limits->passed_to =
            known < limits->passed_to ? known : limits->passed_to;
    }
    if (code == SQLITE_OK) {
        code = candidate_read(step, &candidate, is_due);
    }
    if (code == SQLITE_OK && *is_due) {
        *is_due = retention_judge(limits, &candidate.batch) != RETENTION_STOP;
    }
    return writer_fault(step->writer, code);
}

/* The step */

/* What to do in this step. */
struct work {
    bool is_index_due;   /* newer messages may supersede older ones */
    bool is_delete_due;  /* some may be old enough */
    bool is_reclaim_due; /* and nothing else */
};

static enum inbox_fault work_choose(struct retention_step *step,
                                    struct retention_limits *limits,
                                    struct work *work)
{
    enum inbox_fault fault = INBOX_FINE;

    *work = (struct work){false, false, false};
    if (step->keeps_latest) {
        fault = latest_index_is_due(step->writer, &work->is_index_due);
    }
    if (fault == INBOX_FINE) {
        fault = is_any_due(step, limits, &work->is_delete_due);
    }
    if (fault == INBOX_FINE && !work->is_index_due && !work->is_delete_due) {
        fault = writer_fault(
            step->writer,
            free_pages_are_many(step->writer, &work->is_reclaim_due));
    }
    return fault;
}

static enum inbox_fault work_do(struct retention_step *step,
                                const struct retention_limits *limits,
                                const struct work *work)
{
    enum inbox_fault fault = writer_begin(step->writer);

    if (fault == INBOX_FINE && work->is_index_due) {
        fault = latest_index_add(step->writer, STEP_NS / 2);
    }
    if (fault == INBOX_FINE && work->is_delete_due) {
        fault = batches_examine(step, limits);
    }
    if (fault == INBOX_FINE && work->is_reclaim_due) {
        fault = writer_fault(step->writer, free_pages_return(step->writer));
    }
    if (fault == INBOX_FINE) {
        fault = writer_commit(step->writer);
    }
    writer_rollback(step->writer);
    return fault;
}

void retention_step_rewind(struct retention_step *step)
{
    step->batch_done = 0;
    step->row_done = 0;
}

void retention_step_run(struct retention_step *step)
{
    struct retention_limits limits = {.keep_ms = step->keep_ms,
                                      .now_ms = wall_clock_ms()};
    struct work work;

    step->rows_max = step->rows_max > 0 ? step->rows_max : 1;
    step->fault = work_choose(step, &limits, &work);
    /* After something was done, the next step looks again. */
    step->has_more =
        work.is_index_due || work.is_delete_due || work.is_reclaim_due;
    if (step->fault == INBOX_FINE && step->has_more) {
        step->fault = work_do(step, &limits, &work);
    }
    if (step->fault != INBOX_FINE) {
        retention_step_rewind(step);
    }
}
