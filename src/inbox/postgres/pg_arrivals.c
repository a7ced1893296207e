#include "inbox/postgres/pg_arrivals.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_names.h"

/* If it is behind by more, several transactions raise it. */
#define RAISED_AT_ONCE_MAX 1000000

/* All in one row: libpq spends some 600 instructions on each row. */
int pg_arrivals_init(struct pg_arrivals *arrivals, const char *schema)
{
    memset(arrivals, 0, sizeof(*arrivals));
    arrivals->sql = pg_names_expand(
        schema,
        "SELECT array_agg(nextval('@arrivals')) FROM generate_series(1, $1 +"
        " (SELECT CASE WHEN last_value < $2 THEN"
        " least($2 - last_value + 1, $3) ELSE 0 END FROM @arrivals))");
    return arrivals->sql != NULL ? 0 : HAPLO_ENOMEM;
}

void pg_arrivals_free(struct pg_arrivals *arrivals)
{
    free(arrivals->numbers);
    free(arrivals->sql);
}

void pg_arrivals_clear(struct pg_arrivals *arrivals)
{
    arrivals->count = 0;
    arrivals->used = 0;
}

void pg_arrivals_draw(struct pg_arrivals *arrivals, size_t count,
                      struct pg_statement *statement)
{
    arrivals->floor = arrivals->highest;
    pg_statement_init(statement, arrivals->sql);
    pg_statement_number(statement, (int64_t)count);
    pg_statement_number(statement, arrivals->floor);
    pg_statement_number(statement, RAISED_AT_ONCE_MAX);
}

static bool reserve(struct pg_arrivals *arrivals, size_t count)
{
    int64_t *numbers;

    if (count <= arrivals->capacity) {
        return true;
    }
    numbers = realloc(arrivals->numbers, count * sizeof(*numbers));
    if (numbers == NULL) {
        return false;
    }
    arrivals->numbers = numbers;
    arrivals->capacity = count;
    return true;
}

bool pg_arrivals_drawn(struct pg_arrivals *arrivals, const PGresult *result)
{
    struct haplo_slice numbers = pg_bytes(result, 0, 0);
    size_t count = pg_array_number_count(numbers);

    if (!reserve(arrivals, arrivals->count + count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        int64_t number = pg_array_number_at(numbers, i);

        if (number > arrivals->floor) {
            arrivals->numbers[arrivals->count++] = number;
            pg_arrivals_note(arrivals, number);
        }
    }
    return true;
}

int64_t pg_arrivals_next(struct pg_arrivals *arrivals)
{
    return arrivals->used < arrivals->count
               ? arrivals->numbers[arrivals->used++]
               : 0;
}

void pg_arrivals_note(struct pg_arrivals *arrivals, int64_t arrival)
{
    if (arrival > arrivals->highest) {
        arrivals->highest = arrival;
    }
}
