/*
 * pg_lanes.c - loads the progress of an outlet: the id of its row, and the
 * lanes that have messages after its positions.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "fleet/placement.h"
#include "inbox/postgres/pg_store.h"

/* A request that is outstanding. */
struct pg_ask {
    struct pg_reader *reader;
    struct inbox_outlet_request *outlet_request;
    struct pg_request request;
    struct pg_statement statements[2];
    struct pg_array slots; /* whose lanes are asked for */
};

static void ask_free(struct pg_ask *ask)
{
    pg_request_clear(&ask->request);
    pg_array_free(&ask->slots);
    free(ask);
}

static void ask_end(struct pg_ask *ask, int error, const char *why)
{
    struct inbox_outlet_request *outlet_request = ask->outlet_request;

    ask_free(ask);
    outlet_request->error = error;
    if (error != 0) {
        (void)reason_set(&outlet_request->why, error, "%s", why);
    }
    outlet_request->done_cb(outlet_request);
}

static void on_no_memory(struct worker_job *job)
{
    struct inbox_outlet_request *outlet_request =
        container_of(job, struct inbox_outlet_request, job);

    outlet_request->error =
        reason_set(&outlet_request->why, HAPLO_ENOMEM, "out of memory");
    outlet_request->done_cb(outlet_request);
}

/* A request without statements; NULL if memory runs out, and then it ends with
 * that. */
static struct pg_ask *ask_new(struct inbox_store *base,
                              struct inbox_outlet_request *outlet_request,
                              pg_request_cb done_cb)
{
    struct pg_reader *reader =
        &container_of(base, struct pg_store, base)->reader;
    struct pg_ask *ask = calloc(1, sizeof(*ask));

    if (ask == NULL) {
        pg_reader_later(reader, &outlet_request->job, on_no_memory);
        return NULL;
    }
    ask->reader = reader;
    ask->outlet_request = outlet_request;
    pg_array_init(&ask->slots, PG_INT8);
    ask->request = (struct pg_request){
        .statements = ask->statements,
        .limit_ms = reader->store->timeout_ms,
        .done_cb = done_cb,
        .data = ask,
    };
    return ask;
}

static struct pg_statement *ask_add(struct pg_ask *ask, enum pg_query query)
{
    struct pg_statement *statement =
        &ask->statements[ask->request.statement_count++];

    pg_statement_init(statement, ask->reader->queries[query]);
    return statement;
}

/* The outlet */

static void on_outlet(struct pg_request *request)
{
    struct pg_ask *ask = request->data;
    struct inbox_outlet *outlet = ask->outlet_request->outlet;
    const PGresult *result = request->results[request->statement_count - 1];
    struct reason why;

    if (request->outcome != PG_FINE) {
        (void)pg_store_explain(ask->reader->store, request,
                               "load the progress of an outlet", 0, &why);
        ask_end(ask, HAPLO_EDELIVERY, why.text);
        return;
    }
    outlet->is_by_queue = true;
    outlet->is_new = PQntuples(result) == 0;
    outlet->id = outlet->is_new ? 0 : (uint64_t)pg_number(result, 0, 0);
    ask_end(ask, 0, "");
}

static int64_t time_of(uint64_t ms)
{
    return ms < INT64_MAX ? (int64_t)ms : INT64_MAX;
}

void pg_outlet_open(struct inbox_store *base,
                    struct inbox_outlet_request *request)
{
    struct pg_ask *ask = ask_new(base, request, on_outlet);
    struct pg_statement *start;

    if (ask == NULL) {
        return;
    }
    if (request->start_ms != INBOX_START_BEGINNING) {
        start = ask_add(ask, PG_QUERY_START);
        pg_statement_text(start, request->outlet->name);
        pg_statement_number(start, time_of(request->start_ms));
    }
    pg_statement_text(ask_add(ask, PG_QUERY_OUTLET), request->outlet->name);
    pg_connection_run(&ask->reader->connection, &ask->request);
}

/* Its lanes */

/* False if memory runs out. */
static bool lanes_take(const struct pg_ask *ask)
{
    struct inbox_outlet_request *outlet_request = ask->outlet_request;
    const PGresult *result = ask->request.results[0];
    int row_count = PQntuples(result);

    outlet_request->lanes =
        calloc((size_t)row_count + 1, sizeof(*outlet_request->lanes));
    for (int row = 0; outlet_request->lanes != NULL && row < row_count; row++) {
        uint64_t id = (uint64_t)pg_number(result, row, 0);
        const struct inbox_queue *queue = inbox_store_queue(
            ask->reader->store->base.inbox, id, pg_text(result, row, 1),
            pg_text(result, row, 2), (struct haplo_slice){NULL, 0});

        if (queue == NULL) {
            free(outlet_request->lanes);
            outlet_request->lanes = NULL;
            return false;
        }
        outlet_request->lanes[row] = (struct inbox_deferred_lane){
            .queue_id = id,
            .server = queue->server,
            .queue = queue->name,
            .last_arrival = (uint64_t)pg_number(result, row, 3),
        };
    }
    outlet_request->lane_count = (size_t)row_count;
    return outlet_request->lanes != NULL;
}

static void on_lanes(struct pg_request *request)
{
    struct pg_ask *ask = request->data;
    struct reason why;

    if (request->outcome != PG_FINE) {
        (void)pg_store_explain(ask->reader->store, request,
                               "find queues with messages", 0, &why);
        ask_end(ask, HAPLO_EDELIVERY, why.text);
    } else if (!lanes_take(ask)) {
        ask_end(ask, HAPLO_ENOMEM, "out of memory");
    } else {
        pg_listen_start(&ask->reader->listen);
        ask_end(ask, 0, "");
    }
}

/* False if memory runs out. */
static bool ask_add_slots(struct pg_ask *ask, struct pg_statement *statement,
                          const bool *slots)
{
    for (int slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (slots[slot]) {
            pg_array_number(&ask->slots, slot);
        }
    }
    if (pg_array_finish(&ask->slots) != 0) {
        return false;
    }
    pg_statement_array(statement, &ask->slots);
    return true;
}

void pg_lanes(struct inbox_store *base, struct inbox_outlet_request *request)
{
    struct pg_ask *ask = ask_new(base, request, on_lanes);
    const bool *slots = request->slots;
    struct pg_statement *statement;

    if (ask == NULL) {
        return;
    }
    pg_listen_to(&ask->reader->listen, slots);
    statement =
        ask_add(ask, slots != NULL ? PG_QUERY_LANES_OF : PG_QUERY_LANES);
    pg_statement_number(statement, (int64_t)request->outlet->id);
    if (slots != NULL && !ask_add_slots(ask, statement, slots)) {
        pg_reader_later(ask->reader, &request->job, on_no_memory);
        ask_free(ask);
        return;
    }
    pg_connection_run(&ask->reader->connection, &ask->request);
}
