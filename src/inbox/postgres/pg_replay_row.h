/*
 * pg_replay_row.h - a row of the table of replays.
 */
#ifndef INBOX_POSTGRES_PG_REPLAY_ROW_H
#define INBOX_POSTGRES_PG_REPLAY_ROW_H

#include <libpq-fe.h>

#include "inbox/inbox_replay.h"

/* The columns that pg_replay_row_read() expects. To be continued by WHERE. */
#define PG_REPLAY_ROW_SELECT                                         \
    "SELECT r.id, o.name, r.queue, r.of_letters, r.new_identity,"    \
    " r.since, r.until, r.cursor, r.last, r.delivered, r.refused,"   \
    " r.state, r.created_at, r.changed_at, r.why FROM @replays AS r" \
    " JOIN @outlets AS o ON o.id = r.outlet"

/* Copies a row of a result in binary format. */
void pg_replay_row_read(const PGresult *result, int row,
                        struct inbox_replay *replay);

#endif
