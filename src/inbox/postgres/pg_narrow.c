#include "inbox/postgres/pg_narrow.h"

#include <stdlib.h>

#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_jsonb.h"

void pg_narrow_clear(struct pg_narrow *narrow)
{
    free(narrow->is_refused);
    narrow->is_refused = NULL;
}

/* Goes on to the next message of which jsonb is made. False: no more. */
static bool find_next(struct pg_narrow *narrow)
{
    const struct inbox_delivery *delivery = narrow->delivery;

    while (narrow->index < delivery->count &&
           !pg_jsonb_can_hold(delivery->messages[narrow->index].body)) {
        narrow->index++;
    }
    return narrow->index < delivery->count;
}

static void try_one(struct pg_narrow *narrow)
{
    pg_statement_init(&narrow->statement,
                      "SELECT convert_from($1, 'UTF8')::jsonb IS NULL");
    pg_statement_bytes(&narrow->statement,
                       narrow->delivery->messages[narrow->index].body);
    pg_connection_run(narrow->connection, &narrow->request);
}

static void on_tried(struct pg_request *request)
{
    struct pg_narrow *narrow = request->data;
    bool is_refused = request->outcome == PG_FAILED &&
                      pg_fault_is_of_value(request->sqlstate);
    bool is_known = is_refused || request->outcome == PG_FINE;

    pg_request_clear(request);
    narrow->is_refused[narrow->index++] = is_refused;
    if (is_known && find_next(narrow)) {
        try_one(narrow);
    } else {
        narrow->done_cb(narrow, is_known);
    }
}

int pg_narrow_start(struct pg_narrow *narrow, struct pg_connection *connection,
                    const struct inbox_delivery *delivery, uint64_t limit_ms,
                    pg_narrow_cb done_cb)
{
    narrow->delivery = delivery;
    narrow->connection = connection;
    narrow->index = 0;
    narrow->done_cb = done_cb;
    narrow->request = (struct pg_request){
        .statements = &narrow->statement,
        .statement_count = 1,
        .limit_ms = limit_ms,
        .done_cb = on_tried,
        .data = narrow,
    };
    if (delivery->count > PG_NARROW_COUNT_MAX) {
        return HAPLO_ETOOBIG;
    }
    if (narrow->is_refused != NULL || !find_next(narrow)) {
        return HAPLO_EINVAL;
    }
    narrow->is_refused = calloc(delivery->count, sizeof(*narrow->is_refused));
    if (narrow->is_refused == NULL) {
        return HAPLO_ENOMEM;
    }
    try_one(narrow);
    return 0;
}

bool pg_narrow_is_refused(const struct pg_narrow *narrow, size_t index)
{
    return narrow->is_refused != NULL && narrow->is_refused[index];
}
