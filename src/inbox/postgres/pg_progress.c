#include "inbox/postgres/pg_progress.h"

int pg_progress_init(struct pg_progress *progress, const char *schema)
{
    progress->schema = schema;
    return 0;
}

void pg_progress_free(struct pg_progress *progress)
{
    progress->schema = NULL;
}

int pg_progress_prepare(struct pg_progress *progress, struct inbox_group *group,
                        struct pg_statement *statements, size_t *count)
{
    (void)progress;
    (void)group;
    (void)statements;
    *count = 0;
    return 0;
}

void pg_progress_written(struct pg_progress *progress,
                         struct inbox_group *group, PGresult *const *results)
{
    (void)progress;
    (void)group;
    (void)results;
}
