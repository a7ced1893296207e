#include "inbox/postgres/pg_narrow.h"

#include <stdlib.h>

#include "inbox/postgres/pg_fault.h"
#include "inbox/postgres/pg_jsonb.h"

void pg_narrow_clear(struct pg_narrow *narrow)
{
    free(narrow->is_refused);
    *narrow = (struct pg_narrow){NULL, NULL, 0};
}

bool pg_narrow_begin(struct pg_narrow *narrow,
                     const struct inbox_delivery *delivery)
{
    if (narrow->is_refused != NULL || delivery->count > PG_NARROW_COUNT_MAX) {
        return false;
    }
    narrow->delivery = delivery;
    narrow->index = 0;
    narrow->is_refused = calloc(delivery->count, sizeof(*narrow->is_refused));
    return narrow->is_refused != NULL;
}

bool pg_narrow_try(struct pg_narrow *narrow, struct pg_statement *statement)
{
    const struct inbox_delivery *delivery = narrow->delivery;

    while (narrow->index < delivery->count &&
           !pg_jsonb_can_hold(delivery->messages[narrow->index].body)) {
        narrow->index++;
    }
    if (narrow->index == delivery->count) {
        return false;
    }
    pg_statement_init(statement,
                      "SELECT convert_from($1, 'UTF8')::jsonb IS NULL");
    pg_statement_bytes(statement, delivery->messages[narrow->index].body);
    return true;
}

bool pg_narrow_tried(struct pg_narrow *narrow, const struct pg_request *request)
{
    bool is_refused = request->outcome == PG_FAILED &&
                      pg_fault_is_of_value(request->sqlstate);

    narrow->is_refused[narrow->index++] = is_refused;
    return is_refused || request->outcome == PG_FINE;
}

bool pg_narrow_is_refused(const struct pg_narrow *narrow, size_t index)
{
    return narrow->is_refused != NULL && narrow->is_refused[index];
}
