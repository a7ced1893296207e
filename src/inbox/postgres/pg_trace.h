/*
 * pg_trace.h - reads the life of one message, in the transaction of a view.
 */
#ifndef INBOX_POSTGRES_PG_TRACE_H
#define INBOX_POSTGRES_PG_TRACE_H

struct pg_viewing;

/* Of the message that the filter names. Returns 0, or an error with
 * viewing->why set. */
int pg_trace_view(struct pg_viewing *viewing);

#endif
