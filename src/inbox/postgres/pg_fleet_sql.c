#include "inbox/postgres/pg_fleet_sql.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_shared.h"

#define PRUNE_AFTER "3600000"

static const char *const texts[PG_FLEET_TEXT_COUNT] = {
    /* $1 host, $2 slots to be claimed */
    [PG_FLEET_LOCK] = "SELECT 1 FROM @members WHERE host = $1 OR host IN"
                      " (SELECT owner FROM @slots WHERE slot = ANY ($2))"
                      " ORDER BY host FOR UPDATE",
    /* $1 host, $2 instance, $3 version, $4 digest, $5 weight, $6 ttl,
     * $7 grace. A member of this name with another instance is still one until
     * others may claim its slots: they would be this host's at once. */
    [PG_FLEET_JOIN] =
        "INSERT INTO @members AS m (host, instance, term, expires_at, weight,"
        " version, digest, joined_at, renewed_at)"
        " VALUES ($1, $2, nextval('@terms'), " PG_NOW_MS " + $6, $5, $3, $4,"
        " " PG_NOW_MS ", " PG_NOW_MS ")"
        " ON CONFLICT (host) DO UPDATE SET instance = excluded.instance,"
        " term = excluded.term, expires_at = " PG_NOW_MS " + $6,"
        " weight = excluded.weight, version = excluded.version,"
        " digest = excluded.digest, joined_at = " PG_NOW_MS ","
        " renewed_at = " PG_NOW_MS " WHERE m.instance = excluded.instance"
        " OR m.expires_at + $7 <= " PG_NOW_MS " RETURNING term",
    /* $1 host. Whoever is locked is busy, so it stays. */
    [PG_FLEET_PRUNE] =
        "DELETE FROM @members WHERE host IN (SELECT host FROM @members AS m"
        " WHERE host <> $1 AND expires_at + " PRUNE_AFTER " <= " PG_NOW_MS
        " AND NOT is_draining"
        " AND NOT EXISTS (SELECT 1 FROM @slots WHERE owner = m.host)"
        " FOR UPDATE SKIP LOCKED)",
    /* $1 host, $2 term, $3 version, $4 digest, $5 weight, $6 ttl */
    [PG_FLEET_RENEW] =
        "UPDATE @members SET expires_at = " PG_NOW_MS " + $6,"
        " renewed_at = " PG_NOW_MS ", version = $3, digest = $4, weight = $5"
        " WHERE host = $1 AND term = $2 RETURNING term",
    /* $1 host, $2 term. The row stays, so that terms grow. */
    [PG_FLEET_LEAVE] =
        "UPDATE @members SET expires_at = least(expires_at, " PG_NOW_MS "),"
        " renewed_at = " PG_NOW_MS
        " WHERE host = $1 AND term = $2 RETURNING term",
    /* $1 slots, $2 their terms, $3 who gets them, $4 host, $5 term of its
     * membership, $6 grace */
    [PG_FLEET_MOVE] =
        "WITH m AS MATERIALIZED (SELECT s.slot, s.owner, n.target"
        "  FROM unnest($1, $2, $3) AS n (slot, term, target)"
        "  JOIN @slots AS s ON s.slot = n.slot AND s.term = n.term"
        "  ORDER BY s.slot FOR UPDATE OF s),"
        " moved AS (UPDATE @slots AS s SET owner = m.target, term = s.term + 1"
        "  FROM m WHERE s.slot = m.slot"
        "  AND EXISTS (SELECT 1 FROM @members WHERE host = $4 AND term = $5)"
        "  AND (m.owner = $4 OR (m.target = $4 AND NOT EXISTS"
        "   (SELECT 1 FROM @members AS o WHERE o.host = m.owner"
        "    AND o.expires_at + $6 > " PG_NOW_MS "))) RETURNING 1)"
        " SELECT count(*) FROM moved",
    [PG_FLEET_SLOTS] = pg_roster_slots_sql,
    [PG_FLEET_MEMBERS] = pg_roster_members_sql,
    [PG_FLEET_SHARED] = pg_shared_sql,
};

int pg_fleet_sql_init(struct pg_fleet_sql *sql, const char *schema)
{
    bool is_complete = true;

    memset(sql, 0, sizeof(*sql));
    pg_array_init(&sql->slots, PG_INT8);
    pg_array_init(&sql->terms, PG_INT8);
    pg_array_init(&sql->targets, PG_TEXT);
    pg_array_init(&sql->claims, PG_INT8);
    for (size_t i = 0; i < PG_FLEET_TEXT_COUNT; i++) {
        sql->texts[i] = pg_names_expand(schema, texts[i]);
        is_complete = is_complete && sql->texts[i] != NULL;
    }
    return is_complete ? 0 : HAPLO_ENOMEM;
}

void pg_fleet_sql_clear(struct pg_fleet_sql *sql)
{
    pg_array_clear(&sql->slots);
    pg_array_clear(&sql->terms);
    pg_array_clear(&sql->targets);
    pg_array_clear(&sql->claims);
    sql->count = 0;
    sql->moves_at = 0;
}

void pg_fleet_sql_free(struct pg_fleet_sql *sql)
{
    pg_array_free(&sql->slots);
    pg_array_free(&sql->terms);
    pg_array_free(&sql->targets);
    pg_array_free(&sql->claims);
    for (size_t i = 0; i < PG_FLEET_TEXT_COUNT; i++) {
        free(sql->texts[i]);
    }
}

static struct pg_statement *add(struct pg_fleet_sql *sql, const char *text)
{
    struct pg_statement *statement = &sql->statements[sql->count];

    assert(sql->count < PG_FLEET_STATEMENT_COUNT_MAX);
    sql->count++;
    pg_statement_init(statement, text);
    return statement;
}

static void add_number(struct pg_statement *statement, uint64_t value)
{
    pg_statement_number(statement,
                        value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* Moves */

static void collect_moves(struct pg_fleet_sql *sql,
                          const struct inbox_fleet_request *request)
{
    const struct fleet_request *ask = &request->ask;

    for (size_t i = 0; i < ask->move_count; i++) {
        const struct fleet_move *move = &ask->moves[i];

        pg_array_number(&sql->slots, move->slot);
        pg_array_number(&sql->terms, (int64_t)move->term);
        if (move->to == NULL) {
            pg_array_null(&sql->targets);
            continue;
        }
        pg_array_text(&sql->targets, move->to);
        if (strcmp(move->to, request->host->name) == 0) {
            pg_array_number(&sql->claims, move->slot);
        }
    }
}

static int finish_arrays(struct pg_fleet_sql *sql)
{
    bool has_failed = pg_array_finish(&sql->slots) != 0;

    has_failed |= pg_array_finish(&sql->terms) != 0;
    has_failed |= pg_array_finish(&sql->targets) != 0;
    has_failed |= pg_array_finish(&sql->claims) != 0;
    return has_failed ? HAPLO_ENOMEM : 0;
}

static void add_lock(struct pg_fleet_sql *sql,
                     const struct inbox_fleet_request *request)
{
    struct pg_statement *statement = add(sql, sql->texts[PG_FLEET_LOCK]);

    pg_statement_text(statement, request->host->name);
    pg_statement_array(statement, &sql->claims);
}

static void add_moves(struct pg_fleet_sql *sql,
                      const struct inbox_fleet_request *request)
{
    struct pg_statement *statement;

    sql->moves_at = sql->count;
    statement = add(sql, sql->texts[PG_FLEET_MOVE]);
    pg_statement_array(statement, &sql->slots);
    pg_statement_array(statement, &sql->terms);
    pg_statement_array(statement, &sql->targets);
    pg_statement_text(statement, request->host->name);
    add_number(statement, request->ask.term);
    add_number(statement, request->policy->grace_ms);
}

/* The membership */

static void add_join(struct pg_fleet_sql *sql,
                     const struct inbox_fleet_request *request)
{
    const struct inbox_fleet_host *host = request->host;
    struct pg_statement *join = add(sql, sql->texts[PG_FLEET_JOIN]);
    struct pg_statement *prune = add(sql, sql->texts[PG_FLEET_PRUNE]);

    pg_statement_text(join, host->name);
    pg_statement_text(join, host->instance);
    pg_statement_text(join, host->version);
    pg_statement_text(join, host->digest);
    add_number(join, host->weight);
    add_number(join, request->policy->ttl_ms);
    add_number(join, request->policy->grace_ms);
    pg_statement_text(prune, host->name);
}

static void add_renew(struct pg_fleet_sql *sql,
                      const struct inbox_fleet_request *request)
{
    const struct inbox_fleet_host *host = request->host;
    struct pg_statement *statement = add(sql, sql->texts[PG_FLEET_RENEW]);

    pg_statement_text(statement, host->name);
    add_number(statement, request->ask.term);
    pg_statement_text(statement, host->version);
    pg_statement_text(statement, host->digest);
    add_number(statement, host->weight);
    add_number(statement, request->policy->ttl_ms);
}

static void add_leave(struct pg_fleet_sql *sql,
                      const struct inbox_fleet_request *request)
{
    struct pg_statement *statement = add(sql, sql->texts[PG_FLEET_LEAVE]);

    pg_statement_text(statement, request->host->name);
    add_number(statement, request->ask.term);
}

static void add_membership(struct pg_fleet_sql *sql,
                           const struct inbox_fleet_request *request)
{
    sql->membership_at = sql->count;
    switch (request->ask.kind) {
    case FLEET_JOIN:
        add_join(sql, request);
        break;
    case FLEET_RENEW:
        add_renew(sql, request);
        break;
    case FLEET_LEAVE:
        add_leave(sql, request);
        break;
    }
}

int pg_fleet_sql_make(struct pg_fleet_sql *sql,
                      const struct inbox_fleet_request *request,
                      const struct pg_roster *roster)
{
    /* Whoever joins has no term yet, by which its moves could be allowed. */
    assert(request->ask.kind != FLEET_JOIN || request->ask.move_count == 0);
    collect_moves(sql, request);
    if (finish_arrays(sql) != 0) {
        return HAPLO_ENOMEM;
    }
    pg_settings_write(sql->settings_sql, request->limit_ms);
    (void)add(sql, PG_BEGIN_SQL);
    (void)add(sql, sql->settings_sql);
    if (sql->claims.count > 0) {
        add_lock(sql, request);
    }
    add_membership(sql, request);
    if (request->ask.move_count > 0) {
        add_moves(sql, request);
    }
    sql->slots_at = sql->count;
    pg_roster_ask(roster, add(sql, sql->texts[PG_FLEET_SLOTS]));
    sql->members_at = sql->count;
    (void)add(sql, sql->texts[PG_FLEET_MEMBERS]);
    sql->shared_at = sql->count;
    pg_statement_number(add(sql, sql->texts[PG_FLEET_SHARED]),
                        request->shared_version);
    (void)add(sql, "COMMIT");
    return 0;
}
