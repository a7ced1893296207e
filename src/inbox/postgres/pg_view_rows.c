#include "inbox/postgres/pg_view_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/identity.h"
#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_statement.h"

static int fail(struct pg_viewing *viewing, const char *what,
                const PGresult *result)
{
    const char *primary =
        result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                       : NULL;
    struct reason text;

    pg_message(&text, primary != NULL ? primary : PQerrorMessage(viewing->pg));
    return reason_set(&viewing->why, HAPLO_EDELIVERY, "schema %s: %s: %s",
                      viewing->schema, what, text.text);
}

static int rows_take(struct pg_viewing *viewing, pg_view_row_cb read_cb)
{
    PGresult *result;
    int error = 0;

    viewing->seen_count = 0;
    while ((result = PQgetResult(viewing->pg)) != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_SINGLE_TUPLE && !viewing->is_ended && error == 0) {
            viewing->seen_count++;
            read_cb(viewing, result);
        } else if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
            error = fail(viewing, "read", result);
        }
        PQclear(result);
    }
    return error;
}

int pg_view_rows(struct pg_viewing *viewing, const char *sql,
                 const char *const *values, int count, pg_view_row_cb read_cb)
{
    char *expanded = pg_names_expand(viewing->schema, sql);
    int is_sent;

    if (expanded == NULL) {
        return reason_set(&viewing->why, HAPLO_ENOMEM, "out of memory");
    }
    is_sent = PQsendQueryParams(viewing->pg, expanded, count, NULL, values,
                                NULL, NULL, 1);
    free(expanded);
    if (!is_sent || !PQsetSingleRowMode(viewing->pg)) {
        return fail(viewing, "read", NULL);
    }
    return rows_take(viewing, read_cb);
}

int pg_view_run(struct pg_viewing *viewing, const char *sql)
{
    PGresult *result = PQexec(viewing->pg, sql);
    int error = PQresultStatus(result) == PGRES_COMMAND_OK
                    ? 0
                    : fail(viewing, sql, result);

    PQclear(result);
    return error;
}

const char *pg_view_number(uint64_t value, char text[PG_VIEW_NUMBER_SIZE])
{
    if (value > (uint64_t)INT64_MAX) {
        value = INT64_MAX;
    }
    (void)snprintf(text, PG_VIEW_NUMBER_SIZE, "%" PRIu64, value);
    return text;
}

void pg_view_message(const PGresult *row, struct inbox_message *message)
{
    *message = (struct inbox_message){
        .arrival = (uint64_t)pg_number(row, 0, 0),
        .server = pg_text(row, 0, 1),
        .queue = pg_text(row, 0, 2),
        .batch_first = (uint64_t)pg_number(row, 0, 3),
        .batch_count = (uint32_t)pg_number(row, 0, 4),
        .format = (enum haplo_format)pg_number(row, 0, 5),
        .received_at_ms = (uint64_t)pg_number(row, 0, 6),
        .queue_id = (uint64_t)pg_number(row, 0, 7),
        .body = pg_bytes(row, 0, 8),
    };
    message->hash = identity_hash(message->body);
}
