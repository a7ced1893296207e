/*
 * inbox_value.h - bytes and JSON values as the SQLite values that are handy
 * to query and still keep what the server sent. Nothing is copied: what is
 * bound stays borrowed until the statement is bound anew.
 */
#ifndef SINKS_INBOX_VALUE_H
#define SINKS_INBOX_VALUE_H

#include <sqlite3.h>

#include "haplopoll.h"

/* A JSON string with escapes is decoded if it is not longer than this. */
#define INBOX_DECODED_SIZE_MAX 1024

/* TEXT if the bytes are UTF-8 without NUL, else BLOB; the bytes themselves in
 * either case. Returns SQLite's result code. */
int inbox_bind_bytes(sqlite3_stmt *statement, int index,
                     struct haplo_slice bytes);

/* Of a JSON value: NULL if there is none, a string's text, an integer of 64
 * bits, else the JSON itself, as text. decoded has INBOX_DECODED_SIZE_MAX
 * bytes and is borrowed like the value. */
int inbox_bind_json(sqlite3_stmt *statement, int index,
                    struct haplo_slice value, char *decoded);

#endif
