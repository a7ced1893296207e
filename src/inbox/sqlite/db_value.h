/*
 * db_value.h - the bytes of a message as a value in SQLite: convenient to
 * query, and still exactly what the server sent.
 */
#ifndef INBOX_SQLITE_DB_VALUE_H
#define INBOX_SQLITE_DB_VALUE_H

#include <sqlite3.h>

#include "haplopoll.h"

/* Binds TEXT if the bytes are UTF-8 without NUL, since SQLite's JSON functions
 * do not accept BLOBs; otherwise BLOB. Borrows them until the statement is
 * bound again. Returns SQLite's result code. */
int db_bind_bytes(sqlite3_stmt *statement, int index, struct haplo_slice bytes);

/* The bytes of a column of the current row, TEXT or BLOB, which stay valid
 * until the statement is stepped or reset. SQLITE_OK, or SQLITE_NOMEM. */
int db_column_bytes(sqlite3_stmt *statement, int column,
                    struct haplo_slice *bytes);

#endif
