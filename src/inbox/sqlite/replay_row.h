/*
 * replay_row.h - a row of the table of replays.
 */
#ifndef INBOX_SQLITE_REPLAY_ROW_H
#define INBOX_SQLITE_REPLAY_ROW_H

#include <sqlite3.h>

#include "inbox/inbox_replay.h"

/* The columns that replay_row_read() expects. To be continued by WHERE. */
#define REPLAY_ROW_SELECT                                           \
    "SELECT r.id, o.name, r.queue, r.of_letters, r.new_identity,"   \
    " r.since, r.until, r.cursor, r.last, r.delivered, r.refused,"  \
    " r.state, r.created_at, r.changed_at, r.why FROM replays AS r" \
    " JOIN outlets AS o ON o.id = r.outlet"

/* Copies the current row. SQLITE_OK, or SQLITE_NOMEM. */
int replay_row_read(sqlite3_stmt *row, struct inbox_replay *replay);

#endif
