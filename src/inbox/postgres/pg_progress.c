/*
 * pg_progress.c - stores how far outlets have got.
 *
 *   - Outlets that have no row yet get one.
 *   - The positions of all outlets are set in one statement, in the order of
 *     their primary key, so that two processes cannot lock each other out. A
 *     position never moves backwards.
 *   - Dead letters are added. They may be there already, if the outcome of an
 *     earlier commit was unknown.
 *   - The ids of the outlets' rows are returned.
 */
#include "inbox/postgres/pg_progress.h"

#include <stdlib.h>
#include <string.h>

#include "base/wall_clock.h"
#include "inbox/postgres/pg_names.h"

static const char add_outlets[] =
    "INSERT INTO @outlets (name) SELECT DISTINCT n.name"
    " FROM unnest($1) AS n (name) ORDER BY n.name"
    " ON CONFLICT (name) DO NOTHING";

static const char find_outlets[] =
    "SELECT id, name FROM @outlets WHERE name = ANY ($1)";

static const char set_positions[] =
    "INSERT INTO @positions AS p (outlet, queue, position)"
    " SELECT o.id, n.queue, n.position"
    " FROM unnest($1, $2, $3) AS n (name, queue, position)"
    " JOIN @outlets AS o ON o.name = n.name ORDER BY o.id, n.queue"
    " ON CONFLICT (outlet, queue) DO UPDATE SET position = excluded.position"
    " WHERE p.position < excluded.position";

static const char add_letters[] =
    "INSERT INTO @dead_letters (outlet, arrival, queue, why, attempts, at)"
    " SELECT o.id, n.arrival, n.queue, n.why, n.attempts, $6"
    " FROM unnest($1, $2, $3, $4, $5)"
    "  AS n (name, arrival, queue, why, attempts)"
    " JOIN @outlets AS o ON o.name = n.name ORDER BY o.id, n.arrival"
    " ON CONFLICT (outlet, arrival) DO NOTHING";

int pg_progress_init(struct pg_progress *progress, const char *schema)
{
    memset(progress, 0, sizeof(*progress));
    progress->add_outlets = pg_names_expand(schema, add_outlets);
    progress->find_outlets = pg_names_expand(schema, find_outlets);
    progress->set_positions = pg_names_expand(schema, set_positions);
    progress->add_letters = pg_names_expand(schema, add_letters);
    pg_array_init(&progress->names, PG_TEXT);
    pg_array_init(&progress->outlets, PG_TEXT);
    pg_array_init(&progress->queues, PG_INT8);
    pg_array_init(&progress->arrivals, PG_INT8);
    pg_array_init(&progress->by, PG_TEXT);
    pg_array_init(&progress->letters, PG_INT8);
    pg_array_init(&progress->letter_queues, PG_INT8);
    pg_array_init(&progress->whys, PG_TEXT);
    pg_array_init(&progress->attempts, PG_INT8);
    if (progress->add_outlets == NULL || progress->find_outlets == NULL ||
        progress->set_positions == NULL || progress->add_letters == NULL) {
        return HAPLO_ENOMEM;
    }
    return 0;
}

/* All arrays, for what is done with each. */
#define ARRAYS(progress)                                                  \
    {                                                                     \
        &(progress)->names, &(progress)->outlets, &(progress)->queues,    \
            &(progress)->arrivals, &(progress)->by, &(progress)->letters, \
            &(progress)->letter_queues, &(progress)->whys,                \
            &(progress)->attempts                                         \
    }
#define ARRAY_COUNT 9

void pg_progress_free(struct pg_progress *progress)
{
    struct pg_array *const arrays[ARRAY_COUNT] = ARRAYS(progress);

    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        pg_array_free(arrays[i]);
    }
    free(progress->add_outlets);
    free(progress->find_outlets);
    free(progress->set_positions);
    free(progress->add_letters);
}

static void fill_one(struct pg_progress *progress,
                     const struct inbox_progress *from)
{
    const char *name = from->outlet->name;

    pg_array_text(&progress->names, name);
    progress->is_first = progress->is_first || from->outlet->id == 0;
    for (size_t i = 0; i < from->position_count; i++) {
        pg_array_text(&progress->outlets, name);
        pg_array_number(&progress->queues,
                        (int64_t)from->positions[i].queue_id);
        pg_array_number(&progress->arrivals,
                        (int64_t)from->positions[i].arrival);
    }
    for (size_t i = 0; i < from->dead_letter_count; i++) {
        const struct inbox_dead_letter *letter = &from->dead_letters[i];

        pg_array_text(&progress->by, name);
        pg_array_number(&progress->letters, (int64_t)letter->arrival);
        pg_array_number(&progress->letter_queues, (int64_t)letter->queue_id);
        pg_array_text(&progress->whys, letter->why);
        pg_array_number(&progress->attempts, (int64_t)letter->attempts);
    }
}

/* Copies the progress of a group into the arrays. */
static int fill(struct pg_progress *progress, const struct inbox_group *group)
{
    struct pg_array *const arrays[ARRAY_COUNT] = ARRAYS(progress);
    const struct inbox_progress *from;
    int error = 0;

    progress->is_first = false;
    for (size_t i = 0; i < ARRAY_COUNT; i++) {
        pg_array_clear(arrays[i]);
    }
    STAILQ_FOREACH (from, &group->progress, link) {
        fill_one(progress, from);
    }
    for (size_t i = 0; error == 0 && i < ARRAY_COUNT; i++) {
        error = pg_array_finish(arrays[i]);
    }
    return error;
}

static struct pg_statement *append(struct pg_statement *statements,
                                   size_t *count, const char *sql)
{
    struct pg_statement *statement = &statements[(*count)++];

    pg_statement_init(statement, sql);
    return statement;
}

static void append_positions(struct pg_progress *progress,
                             struct pg_statement *statement)
{
    pg_statement_array(statement, &progress->outlets);
    pg_statement_array(statement, &progress->queues);
    pg_statement_array(statement, &progress->arrivals);
}

static void append_letters(struct pg_progress *progress,
                           struct pg_statement *statement)
{
    pg_statement_array(statement, &progress->by);
    pg_statement_array(statement, &progress->letters);
    pg_statement_array(statement, &progress->letter_queues);
    pg_statement_array(statement, &progress->whys);
    pg_statement_array(statement, &progress->attempts);
    pg_statement_number(statement, (int64_t)wall_clock_ms());
}

int pg_progress_prepare(struct pg_progress *progress,
                        const struct inbox_group *group,
                        struct pg_statement *statements, size_t *count)
{
    int error = fill(progress, group);

    *count = 0;
    if (error != 0 || progress->names.count == 0) {
        return error;
    }
    if (progress->is_first) {
        pg_statement_array(append(statements, count, progress->add_outlets),
                           &progress->names);
    }
    progress->find_index = *count;
    pg_statement_array(append(statements, count, progress->find_outlets),
                       &progress->names);
    if (progress->queues.count > 0) {
        append_positions(progress,
                         append(statements, count, progress->set_positions));
    }
    if (progress->letters.count > 0) {
        append_letters(progress,
                       append(statements, count, progress->add_letters));
    }
    return 0;
}

void pg_progress_written(const struct pg_progress *progress,
                         struct inbox_group *group, PGresult *const *results)
{
    struct inbox_progress *to;

    STAILQ_FOREACH (to, &group->progress, link) {
        const PGresult *found = results[progress->find_index];

        to->stored_cursor = 0;
        for (int row = 0; row < PQntuples(found); row++) {
            if (strcmp(pg_text(found, row, 1), to->outlet->name) == 0) {
                to->outlet_id = (uint64_t)pg_number(found, row, 0);
            }
        }
    }
}
