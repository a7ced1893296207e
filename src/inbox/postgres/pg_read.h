/*
 * pg_read.h - reads for outlets.
 */
#ifndef INBOX_POSTGRES_PG_READ_H
#define INBOX_POSTGRES_PG_READ_H

#include "inbox/postgres/pg_store.h"

/* The operations of the same names in inbox_store.h. */
void pg_read(struct inbox_store *base, struct inbox_read *read);
void pg_read_free(struct inbox_read *read);
void pg_outlet_open(struct inbox_store *base,
                    struct inbox_outlet_request *request);
void pg_lanes(struct inbox_store *base, struct inbox_outlet_request *request);

#endif
