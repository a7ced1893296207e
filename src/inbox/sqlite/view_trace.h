/*
 * view_trace.h - reads the life of one message, in the transaction of a view.
 */
#ifndef INBOX_SQLITE_VIEW_TRACE_H
#define INBOX_SQLITE_VIEW_TRACE_H

#include <sqlite3.h>

struct inbox_view;

/* Of the message that the filter names. Returns SQLITE_OK or an error. */
int trace_view(sqlite3 *db, const struct inbox_view *view);

#endif
