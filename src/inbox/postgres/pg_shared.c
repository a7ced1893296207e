#include "inbox/postgres/pg_shared.h"

#include <stdlib.h>

#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_statement.h"

/* $1 the version that is known; none is 0. Sites that refer to others come
 * after those. */
const char pg_shared_sql[] =
    "WITH r AS MATERIALIZED (SELECT 0 AS kind, site AS a, same_as AS b,"
    "  count AS n, newest_at AS at, '' AS by, '' AS reason FROM @failed_logins"
    " UNION ALL SELECT 1, server, queue, 0, 0, '', '' FROM @refused_keys"
    " UNION ALL SELECT 2, server, queue, 0, at, by, reason FROM @pauses),"
    " h AS (SELECT hashtextextended(coalesce(string_agg(r::text, ','"
    "  ORDER BY kind, a, b), ''), 1) | 1 AS version FROM r)"
    " SELECT h.version, r.kind::bigint, r.a, r.b, r.n, r.at,"
    " greatest(" PG_NOW_MS " - r.at, 0), r.by, r.reason"
    " FROM h LEFT JOIN r ON h.version <> $1"
    " ORDER BY r.kind, r.kind = 0 AND r.b IS NOT NULL, r.a, r.b";

enum { VERSION, KIND, FIRST, SECOND, COUNT, AT, AGE, BY, REASON };

enum { KIND_LOGINS, KIND_KEY, KIND_PAUSE, KIND_COUNT };

int64_t pg_shared_version(const PGresult *result)
{
    return PQntuples(result) > 0 ? pg_number(result, 0, VERSION) : 0;
}

static void content_free(struct inbox_shared *content)
{
    free(content->logins);
    free(content->keys);
    free(content->pauses);
}

void pg_shared_free(struct pg_shared *shared)
{
    content_free(&shared->content);
    PQclear(shared->rows);
}

/* Without rows, there is one that has only the version. */
static bool has_content(const PGresult *rows)
{
    return PQntuples(rows) > 0 && !PQgetisnull(rows, 0, KIND);
}

static void count_kinds(const PGresult *rows, size_t counts[KIND_COUNT])
{
    for (int i = 0; has_content(rows) && i < PQntuples(rows); i++) {
        counts[pg_number(rows, i, KIND)]++;
    }
}

static int content_reserve(struct inbox_shared *content, const PGresult *rows)
{
    size_t counts[KIND_COUNT] = {0};

    count_kinds(rows, counts);
    content->logins = calloc(counts[KIND_LOGINS] + 1, sizeof(*content->logins));
    content->keys = calloc(counts[KIND_KEY] + 1, sizeof(*content->keys));
    content->pauses = calloc(counts[KIND_PAUSE] + 1, sizeof(*content->pauses));
    return content->logins != NULL && content->keys != NULL &&
                   content->pauses != NULL
               ? 0
               : HAPLO_ENOMEM;
}

static void logins_read(struct inbox_shared *content, const PGresult *rows,
                        int row)
{
    content->logins[content->login_count++] = (struct inbox_shared_logins){
        .site = pg_text(rows, row, FIRST),
        .same_as =
            PQgetisnull(rows, row, SECOND) ? NULL : pg_text(rows, row, SECOND),
        .count = (uint64_t)pg_number(rows, row, COUNT),
        .age_ms = (uint64_t)pg_number(rows, row, AGE),
    };
}

static void key_read(struct inbox_shared *content, const PGresult *rows,
                     int row)
{
    content->keys[content->key_count++] = (struct inbox_shared_key){
        .server = pg_text(rows, row, FIRST),
        .queue = pg_text(rows, row, SECOND),
    };
}

static void pause_read(struct inbox_shared *content, const PGresult *rows,
                       int row)
{
    content->pauses[content->pause_count++] = (struct inbox_shared_pause){
        .server = pg_text(rows, row, FIRST),
        .queue = pg_text(rows, row, SECOND),
        .by = pg_text(rows, row, BY),
        .reason = pg_text(rows, row, REASON),
        .at_ms = (uint64_t)pg_number(rows, row, AT),
    };
}

static void content_read(struct inbox_shared *content, const PGresult *rows)
{
    static void (*const readers[])(struct inbox_shared *, const PGresult *,
                                   int) = {
        [KIND_LOGINS] = logins_read,
        [KIND_KEY] = key_read,
        [KIND_PAUSE] = pause_read,
    };

    for (int i = 0; has_content(rows) && i < PQntuples(rows); i++) {
        readers[pg_number(rows, i, KIND)](content, rows, i);
    }
}

int pg_shared_take(struct pg_shared *shared, PGresult **result)
{
    struct inbox_shared content = {.logins = NULL};

    if (content_reserve(&content, *result) != 0) {
        content_free(&content);
        return HAPLO_ENOMEM;
    }
    content_read(&content, *result);
    pg_shared_free(shared);
    *shared = (struct pg_shared){.rows = *result, .content = content};
    *result = NULL;
    return 0;
}
