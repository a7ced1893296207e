#include "inbox/postgres/pg_fleet_view.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_roster.h"
#include "inbox/postgres/pg_schema.h"

/* A connection for a command. */
struct session {
    PGconn *pg;         /* owned */
    const char *schema; /* borrowed */
    struct reason why;  /* of the failure */
};

static int session_open(struct session *session, const char *conninfo,
                        const char *schema)
{
    static const char *const keywords[] = {
        "connect_timeout", "target_session_attrs", "fallback_application_name",
        "dbname",          "client_encoding",      NULL};
    const char *const values[] = {"10",     "read-write", "haplo-poll",
                                  conninfo, "UTF8",       NULL};

    session->schema = schema;
    session->pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(session->pg) == CONNECTION_OK) {
        return 0;
    }
    pg_message(&session->why, PQerrorMessage(session->pg));
    return HAPLO_ECONNECT;
}

/* Executes a statement whose SQL has "@". Returns its result, or NULL with why
 * set. */
static PGresult *execute(struct session *session,
                         const struct pg_statement *statement)
{
    static const int formats[PG_PARAMETER_COUNT_MAX] = {1, 1, 1, 1};
    char *sql = pg_names_expand(session->schema, statement->sql);
    const char *primary;
    struct reason text;
    PGresult *result;

    if (sql == NULL) {
        (void)reason_set(&session->why, 0, "out of memory");
        return NULL;
    }
    result = PQexecParams(session->pg, sql, statement->count, statement->types,
                          statement->values, statement->sizes, formats, 1);
    free(sql);
    if (PQresultStatus(result) == PGRES_TUPLES_OK ||
        PQresultStatus(result) == PGRES_COMMAND_OK) {
        return result;
    }
    primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    pg_message(&text, primary != NULL ? primary : PQerrorMessage(session->pg));
    (void)reason_set(&session->why, 0, "schema %s: %s", session->schema,
                     text.text);
    PQclear(result);
    return NULL;
}

static PGresult *run(struct session *session, const char *sql)
{
    struct pg_statement statement;

    pg_statement_init(&statement, sql);
    return execute(session, &statement);
}

/* The view */

static PGresult *read_slots(struct session *session,
                            const struct pg_roster *roster)
{
    struct pg_statement statement;

    pg_statement_init(&statement, pg_roster_slots_sql);
    pg_roster_ask(roster, &statement);
    return execute(session, &statement);
}

static int view_fill(struct session *session, struct inbox_fleet_view *view,
                     PGresult **slots, const PGresult *members,
                     const PGresult *now)
{
    struct pg_roster roster = {.rows = NULL};
    int error = pg_roster_take(&roster, slots, members, &session->why);

    if (error == 0) {
        view->now_ms = (uint64_t)pg_number(now, 0, 0);
        view->members = roster.members;
        view->details = roster.details;
        view->member_count = roster.member_count;
        memcpy(view->slots, roster.slots, sizeof(view->slots));
        roster.members = NULL; /* taken */
        roster.details = NULL;
    }
    pg_roster_free(&roster);
    return error;
}

static int view_read(struct session *session, struct inbox_fleet_view *view)
{
    const struct pg_roster nothing = {.rows = NULL};
    PGresult *begin =
        run(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    PGresult *slots = begin != NULL ? read_slots(session, &nothing) : NULL;
    PGresult *members =
        slots != NULL ? run(session, pg_roster_members_sql) : NULL;
    PGresult *now = members != NULL ? run(session, "SELECT " PG_NOW_MS) : NULL;
    int error = now != NULL ? view_fill(session, view, &slots, members, now)
                            : HAPLO_EDELIVERY;

    PQclear(begin);
    PQclear(slots);
    PQclear(members);
    PQclear(now);
    return error;
}

int pg_fleet_view(const char *conninfo, const char *schema,
                  struct inbox_fleet_view *view, char *why, size_t why_size)
{
    struct session session = {.why = {""}};
    int error = session_open(&session, conninfo, schema);

    if (error == 0) {
        error = view_read(&session, view);
    }
    PQfinish(session.pg); /* ends the transaction */
    return reason_write(why, why_size, error, "%s", session.why.text);
}

/* Draining */

static int explain_unknown(struct session *session, const char *host)
{
    PGresult *hosts =
        run(session, "SELECT coalesce(string_agg(host, ', ' ORDER BY host), '')"
                     " FROM @members");
    const char *names;

    if (hosts == NULL) {
        return HAPLO_EDELIVERY;
    }
    names = pg_text(hosts, 0, 0);
    (void)reason_set(
        &session->why, 0, "no host %s has been a member of the fleet: %s%s",
        host, names[0] != '\0' ? "there are " : "it has no members yet", names);
    PQclear(hosts);
    return HAPLO_ENOTFOUND;
}

static int drain(struct session *session, const char *host, bool is_draining)
{
    struct pg_statement statement;
    PGresult *result;
    bool is_found;

    pg_statement_init(&statement,
                      "UPDATE @members SET is_draining = $2 WHERE host = $1"
                      " RETURNING 1::bigint");
    pg_statement_text(&statement, host);
    pg_statement_bool(&statement, is_draining);
    result = execute(session, &statement);
    if (result == NULL) {
        return HAPLO_EDELIVERY;
    }
    is_found = PQntuples(result) == 1;
    PQclear(result);
    if (!is_found) {
        return explain_unknown(session, host);
    }
    return reason_set(&session->why, 0,
                      is_draining
                          ? "host %s is draining: its slots move to others"
                          : "host %s is not draining: slots move to it",
                      host);
}

int pg_fleet_drain(const char *conninfo, const char *schema, const char *host,
                   bool is_draining, char *text, size_t text_size)
{
    struct session session = {.why = {""}};
    int error = session_open(&session, conninfo, schema);

    if (error == 0) {
        error = drain(&session, host, is_draining);
    }
    PQfinish(session.pg);
    return reason_write(text, text_size, error, "%s", session.why.text);
}
