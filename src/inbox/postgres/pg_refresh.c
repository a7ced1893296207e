/*
 * pg_refresh.c - loads the stored states of some servers' queues again.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_store.h"

#define QUEUE_COUNT 2000 /* rows read at a time */

/* A refresh that is outstanding. */
struct pg_refreshing {
    struct pg_store *store;        /* its owner */
    struct inbox_refresh *refresh; /* what was asked for */
    struct pg_request request;     /* outstanding */
    struct pg_statement statement; /* of request */
    struct pg_array servers;       /* owned; its parameter */
    int64_t last_id;               /* of the queues that have been read */
};

static void refreshing_free(struct pg_refreshing *refreshing)
{
    pg_request_clear(&refreshing->request);
    pg_array_free(&refreshing->servers);
    free(refreshing);
}

static void finish(struct pg_refreshing *refreshing, int error,
                   const struct reason *why)
{
    struct inbox *inbox = refreshing->store->base.inbox;
    struct inbox_refresh *refresh = refreshing->refresh;

    refreshing_free(refreshing);
    inbox_refreshed(inbox, refresh, error, why->text);
}

static int take(struct pg_refreshing *refreshing, const PGresult *result)
{
    int error = 0;

    for (int i = 0; error == 0 && i < PQntuples(result); i++) {
        refreshing->last_id = pg_number(result, i, 0);
        error = inbox_refresh_queue(
            refreshing->store->base.inbox, (uint64_t)refreshing->last_id,
            pg_text(result, i, 1), pg_text(result, i, 2),
            pg_bytes(result, i, 3));
    }
    return error;
}

static void read_next(struct pg_refreshing *refreshing);

static void on_states(struct pg_request *request)
{
    struct pg_refreshing *refreshing = request->data;
    struct reason why = {""};
    bool has_more = false;
    int error = 0;

    if (request->outcome != PG_FINE) {
        error = pg_store_explain(refreshing->store, request,
                                 "load the states of queues", HAPLO_EDELIVERY,
                                 &why);
    } else if (take(refreshing, request->results[0]) != 0) {
        error = reason_set(&why, HAPLO_ENOMEM, "out of memory");
    } else {
        has_more = PQntuples(request->results[0]) == QUEUE_COUNT;
    }
    pg_request_clear(request);
    if (has_more) {
        read_next(refreshing);
    } else {
        finish(refreshing, error, &why);
    }
}

static void read_next(struct pg_refreshing *refreshing)
{
    struct pg_reader *reader = &refreshing->store->reader;
    struct pg_statement *statement = &refreshing->statement;

    pg_statement_init(statement, reader->queries[PG_QUERY_STATES]);
    pg_statement_array(statement, &refreshing->servers);
    pg_statement_number(statement, refreshing->last_id);
    pg_statement_number(statement, QUEUE_COUNT);
    pg_connection_run(&reader->connection, &refreshing->request);
}

int pg_refresh(struct inbox_store *base, struct inbox_refresh *refresh)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_refreshing *refreshing = calloc(1, sizeof(*refreshing));

    if (refreshing == NULL) {
        return HAPLO_ENOMEM;
    }
    refreshing->store = store;
    refreshing->refresh = refresh;
    pg_array_init(&refreshing->servers, PG_TEXT);
    for (size_t i = 0; i < refresh->server_count; i++) {
        pg_array_text(&refreshing->servers, refresh->servers[i]);
    }
    if (pg_array_finish(&refreshing->servers) != 0) {
        refreshing_free(refreshing);
        return HAPLO_ENOMEM;
    }
    refreshing->request = (struct pg_request){
        .statements = &refreshing->statement,
        .statement_count = 1,
        .limit_ms = store->timeout_ms,
        .done_cb = on_states,
        .data = refreshing,
    };
    read_next(refreshing);
    return 0;
}
