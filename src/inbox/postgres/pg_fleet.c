/*
 * pg_fleet.c - a request of a host to the tables members and slots.
 *
 *   - It is one transaction, sent as one request over a connection of its own,
 *     which is opened for the first one.
 *   - If slots are claimed, the rows of the members that have them are locked,
 *     together with the own one and in the order of their names. So nobody who
 *     renews his membership in the same moment keeps a slot that is taken from
 *     him; nor do two hosts wait for each other.
 *   - The membership is made, renewed or ended. No row: the request has found
 *     none.
 *   - The slots are moved, if the membership was found. Each compares its term,
 *     and who has it: one may hand over what is one's own, and claim what
 *     nobody has, or a member whose membership has ended some time ago.
 *   - All slots and all members are read, and what hosts tell each other; the
 *     transaction commits.
 *
 * Times are those of the database's clock when a row is written, not when the
 * transaction began: it may have waited for a lock.
 *
 * Failures:
 *
 *   - A statement fails, or the connection: the request fails, and the next one
 *     opens another connection. What has become of this one is seen then.
 *   - The server warns, as if it could not wait for a standby: the request has
 *     failed, although it may count.
 *   - There is no reply in time, be it because no connection can be opened: it
 *     fails as well.
 *   - The host has a name that another process uses: HAPLO_EEXIST.
 */
#include "inbox/postgres/pg_fleet.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_fleet_sql.h"
#include "inbox/postgres/pg_open.h"
#include "inbox/postgres/pg_roster.h"
#include "inbox/postgres/pg_shared.h"
#include "inbox/postgres/pg_store.h"

struct pg_fleet {
    struct pg_store *store;              /* its owner */
    struct pg_connection connection;     /* for these requests only */
    uv_timer_t timer;                    /* limit of the request */
    struct inbox_fleet_request *request; /* outstanding, or NULL */
    struct pg_fleet_sql sql;             /* of the request */
    struct pg_request pg_request;        /* the same, as it is sent */
    struct pg_roster roster;             /* the tables */
    struct pg_shared shared;             /* what others have told */
    unsigned handle_count;               /* to be closed */
    pg_connection_closed_cb closed_cb;   /* of pg_fleet_close() */
    void *closed_data;                   /* for closed_cb */
};

PGconn *pg_fleet_pg(const struct pg_fleet *fleet)
{
    return fleet != NULL ? fleet->connection.pg : NULL;
}

/* The end of a request */

static void reply(struct pg_fleet *fleet, int error, const struct reason *why)
{
    struct inbox_fleet_request *request = fleet->request;
    int result = uv_timer_stop(&fleet->timer);

    assert(result == 0);
    (void)result;
    pg_request_clear(&fleet->pg_request);
    pg_fleet_sql_clear(&fleet->sql);
    fleet->request = NULL;
    inbox_fleet_replied(fleet->store->base.inbox, request, error, why->text);
}

static const struct fleet_member *find_self(const struct pg_fleet *fleet,
                                            size_t *index)
{
    const struct pg_roster *roster = &fleet->roster;

    for (*index = 0; *index < roster->member_count; (*index)++) {
        if (strcmp(roster->members[*index].host, fleet->request->host->name) ==
            0) {
            return &roster->members[*index];
        }
    }
    return NULL;
}

static int explain_twin(const struct pg_fleet *fleet, struct reason *why)
{
    size_t index;
    const struct fleet_member *twin = find_self(fleet, &index);
    long long ago_s =
        twin != NULL
            ? ((long long)fleet->request->policy->ttl_ms - twin->left_ms) / 1000
            : 0;

    return reason_set(
        why, HAPLO_EEXIST,
        "another process, with another state directory, is a member of the "
        "fleet by the name %s (haplo-poll %s, it was last there %lld s ago): "
        "give this host another name with --host, or stop that process",
        fleet->request->host->name,
        twin != NULL ? fleet->roster.details[index].version : "?",
        ago_s > 0 ? ago_s : 0);
}

/* LEAVE ends the membership that it finds. */
static void fill_reply(struct pg_fleet *fleet, const PGresult *membership,
                       const PGresult *moved)
{
    struct inbox_fleet_request *request = fleet->request;
    bool is_found = PQntuples(membership) == 1;

    request->reply = (struct fleet_reply){
        .is_member = is_found && request->ask.kind != FLEET_LEAVE,
        .term = is_found ? (uint64_t)pg_number(membership, 0, 0) : 0,
        .members = fleet->roster.members,
        .member_count = fleet->roster.member_count,
        .slots = fleet->roster.slots,
    };
    request->details = fleet->roster.details;
    request->moved_count = moved != NULL ? (uint64_t)pg_number(moved, 0, 0) : 0;
    request->refused_count = request->ask.move_count - request->moved_count;
}

static int shared_take(struct pg_fleet *fleet, PGresult **result,
                       struct reason *why)
{
    struct inbox_fleet_request *request = fleet->request;

    request->found_version = pg_shared_version(*result);
    request->shared = NULL;
    if (request->found_version == request->shared_version) {
        return 0;
    }
    if (pg_shared_take(&fleet->shared, result) != 0) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    request->shared = &fleet->shared.content;
    return 0;
}

static int take(struct pg_fleet *fleet, struct reason *why)
{
    PGresult **results = fleet->pg_request.results;
    const struct pg_fleet_sql *sql = &fleet->sql;
    const PGresult *membership = results[sql->membership_at];
    int error = pg_roster_take(&fleet->roster, &results[sql->slots_at],
                               results[sql->members_at], why);

    if (error == 0) {
        error = shared_take(fleet, &results[sql->shared_at], why);
    }
    if (error != 0) {
        return error;
    }
    fill_reply(fleet, membership,
               sql->moves_at > 0 ? results[sql->moves_at] : NULL);
    return PQntuples(membership) == 0 && fleet->request->ask.kind == FLEET_JOIN
               ? explain_twin(fleet, why)
               : 0;
}

static void on_answer(struct pg_request *pg_request)
{
    struct pg_fleet *fleet = pg_request->data;
    struct reason why = {""};
    int error;

    if (pg_request->outcome == PG_FINE && pg_request->warning.text[0] != '\0') {
        error = reason_set(&why, HAPLO_EDELIVERY,
                           "the membership in the fleet may not be durable: %s",
                           pg_request->warning.text);
    } else if (pg_request->outcome == PG_FINE) {
        error = take(fleet, &why);
    } else {
        error = pg_store_explain(fleet->store, pg_request,
                                 "renew the membership in the fleet",
                                 HAPLO_EDELIVERY, &why);
    }
    if (pg_request->outcome == PG_FAILED) { /* ends the transaction */
        pg_connection_reset(&fleet->connection);
    }
    reply(fleet, error, &why);
}

static void on_limit(uv_timer_t *timer)
{
    struct pg_fleet *fleet = container_of(timer, struct pg_fleet, timer);
    struct reason why;

    (void)reason_set(&why, 0, "no response within %llu ms",
                     (unsigned long long)fleet->request->limit_ms);
    pg_connection_give_up(&fleet->connection, why.text);
}

/* The beginning */

/* NULL if memory runs out. */
static struct pg_fleet *fleet_get(struct pg_store *store)
{
    struct pg_fleet *fleet = store->fleet;
    int result;

    if (fleet != NULL) {
        return fleet;
    }
    fleet = calloc(1, sizeof(*fleet));
    if (fleet == NULL || pg_fleet_sql_init(&fleet->sql, store->schema) != 0 ||
        pg_connection_init(&fleet->connection, store->writer.loop,
                           store->writer.conninfo) != 0) {
        if (fleet != NULL) {
            pg_fleet_sql_free(&fleet->sql);
        }
        free(fleet);
        return NULL;
    }
    result = uv_timer_init(store->writer.loop, &fleet->timer);
    assert(result == 0);
    (void)result;
    pg_open_greet(store, &fleet->connection);
    fleet->store = store;
    store->fleet = fleet;
    return fleet;
}

int pg_fleet_ask(struct inbox_store *base, struct inbox_fleet_request *request)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_fleet *fleet = fleet_get(store);
    int result;

    if (fleet == NULL) {
        return HAPLO_ENOMEM;
    }
    assert(fleet->request == NULL);
    if (pg_fleet_sql_make(&fleet->sql, request, &fleet->roster) != 0) {
        pg_fleet_sql_clear(&fleet->sql);
        return HAPLO_ENOMEM;
    }
    fleet->request = request;
    fleet->pg_request = (struct pg_request){
        .statements = fleet->sql.statements,
        .statement_count = fleet->sql.count,
        .limit_ms = request->limit_ms,
        .done_cb = on_answer,
        .data = fleet,
    };
    result = uv_timer_start(&fleet->timer, on_limit, request->limit_ms, 0);
    assert(result == 0);
    (void)result;
    pg_connection_run(&fleet->connection, &fleet->pg_request);
    return 0;
}

/* Closing */

static void leave(struct pg_fleet *fleet)
{
    pg_connection_closed_cb closed_cb = fleet->closed_cb;
    void *data = fleet->closed_data;

    if (--fleet->handle_count > 0) {
        return;
    }
    pg_fleet_sql_free(&fleet->sql);
    pg_roster_free(&fleet->roster);
    pg_shared_free(&fleet->shared);
    free(fleet);
    closed_cb(data);
}

static void on_connection_closed(void *data)
{
    leave(data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    leave(container_of((uv_timer_t *)handle, struct pg_fleet, timer));
}

void pg_fleet_close(struct pg_fleet *fleet, pg_connection_closed_cb closed_cb,
                    void *data)
{
    assert(fleet->request == NULL);
    fleet->closed_cb = closed_cb;
    fleet->closed_data = data;
    fleet->handle_count = 2;
    pg_connection_close(&fleet->connection, on_connection_closed, fleet);
    uv_close((uv_handle_t *)&fleet->timer, on_timer_closed);
}
