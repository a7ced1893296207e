#include "inbox/sqlite/view_rows.h"

#include "core/identity.h"
#include "inbox/sqlite/db_value.h"

int view_rows(sqlite3_stmt *select, const struct inbox_view *view,
              view_row_cb read_cb)
{
    int code = SQLITE_ROW;

    while (code == SQLITE_ROW && (code = sqlite3_step(select)) == SQLITE_ROW) {
        code = read_cb(select, view);
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

bool view_text(sqlite3_stmt *row, int column, const char **text)
{
    *text = (const char *)sqlite3_column_text(row, column);
    return *text != NULL;
}

uint64_t view_number(sqlite3_stmt *row, int column)
{
    return (uint64_t)sqlite3_column_int64(row, column);
}

int view_head(sqlite3_stmt *row, int at, struct inbox_message *message)
{
    *message = (struct inbox_message){
        .arrival = view_number(row, at),
        .batch_first = view_number(row, at) - view_number(row, at + 3),
        .batch_count = (uint32_t)view_number(row, at + 4),
        .format = (enum haplo_format)view_number(row, at + 5),
        .received_at_ms = view_number(row, at + 6),
        .queue_id = view_number(row, at + 7),
    };
    return view_text(row, at + 1, &message->server) &&
                   view_text(row, at + 2, &message->queue)
               ? SQLITE_ROW
               : SQLITE_NOMEM;
}

int view_body(sqlite3_stmt *row, int at, struct inbox_message *message)
{
    int code = db_column_bytes(row, at + 8, &message->body);

    if (code != SQLITE_OK) {
        return code;
    }
    message->hash = identity_hash(message->body);
    return SQLITE_ROW;
}
