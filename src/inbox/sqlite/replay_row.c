#include "inbox/sqlite/replay_row.h"

#include <stdbool.h>
#include <stdio.h>

/* False if memory runs out: the column is never NULL. */
static bool text_read(sqlite3_stmt *row, int column, char *text, size_t size)
{
    const char *value = (const char *)sqlite3_column_text(row, column);

    (void)snprintf(text, size, "%s", value != NULL ? value : "");
    return value != NULL;
}

static uint64_t number_read(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

int replay_row_read(sqlite3_stmt *row, struct inbox_replay *replay)
{
    *replay = (struct inbox_replay){
        .id = number_read(row, 0),
        .is_of_letters = number_read(row, 3) != 0,
        .has_new_ids = number_read(row, 4) != 0,
        .since_ms = number_read(row, 5),
        .until_ms = number_read(row, 6),
        .cursor = number_read(row, 7),
        .last = number_read(row, 8),
        .delivered_count = number_read(row, 9),
        .refused_count = number_read(row, 10),
        .state = (enum inbox_replay_state)number_read(row, 11),
        .created_at_ms = number_read(row, 12),
        .changed_at_ms = number_read(row, 13),
    };
    return text_read(row, 1, replay->outlet, sizeof(replay->outlet)) &&
                   text_read(row, 2, replay->queue, sizeof(replay->queue)) &&
                   text_read(row, 14, replay->why.text,
                             sizeof(replay->why.text))
               ? SQLITE_OK
               : SQLITE_NOMEM;
}
