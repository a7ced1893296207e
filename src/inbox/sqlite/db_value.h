/*
 * db_value.h - a message's bytes as a value of SQLite that is convenient to
 * query and still exactly what the server sent.
 */
#ifndef INBOX_SQLITE_DB_VALUE_H
#define INBOX_SQLITE_DB_VALUE_H

#include <sqlite3.h>

#include "haplopoll.h"

/* TEXT if the bytes are UTF-8 without NUL, as SQLite's JSON functions take no
 * BLOB; else BLOB. Borrows them until the statement is bound again. Returns
 * SQLite's result code. */
int db_bind_bytes(sqlite3_stmt *statement, int index, struct haplo_slice bytes);

#endif
