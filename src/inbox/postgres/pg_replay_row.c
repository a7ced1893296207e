#include "inbox/postgres/pg_replay_row.h"

#include <stdio.h>

#include "inbox/postgres/pg_statement.h"

void pg_replay_row_read(const PGresult *result, int row,
                        struct inbox_replay *replay)
{
    *replay = (struct inbox_replay){
        .id = (uint64_t)pg_number(result, row, 0),
        .is_of_letters = pg_bool(result, row, 3),
        .has_new_ids = pg_bool(result, row, 4),
        .since_ms = (uint64_t)pg_number(result, row, 5),
        .until_ms = (uint64_t)pg_number(result, row, 6),
        .cursor = (uint64_t)pg_number(result, row, 7),
        .last = (uint64_t)pg_number(result, row, 8),
        .delivered_count = (uint64_t)pg_number(result, row, 9),
        .refused_count = (uint64_t)pg_number(result, row, 10),
        .state = (enum inbox_replay_state)pg_number(result, row, 11),
        .created_at_ms = (uint64_t)pg_number(result, row, 12),
        .changed_at_ms = (uint64_t)pg_number(result, row, 13),
    };
    (void)snprintf(replay->outlet, sizeof(replay->outlet), "%s",
                   pg_text(result, row, 1));
    (void)snprintf(replay->queue, sizeof(replay->queue), "%s",
                   pg_text(result, row, 2));
    (void)snprintf(replay->why.text, sizeof(replay->why.text), "%s",
                   pg_text(result, row, 14));
}
