/*
 * postgres_inbox.h - the PostgreSQL inbox; see haplo-postgres(5).
 */
#ifndef INBOX_POSTGRES_POSTGRES_INBOX_H
#define INBOX_POSTGRES_POSTGRES_INBOX_H

#include "inbox/inbox.h"

struct postgres_inbox_options {
    const char *conninfo; /* libpq's connection string */
    const char *schema;   /* of the tables */
    const char *notify;   /* channel that is told of new messages; NULL: none */
    uint64_t keep_ms;     /* retention period; 0: everything stays */
    bool keeps_latest;    /* the newest message of each object stays */
    uint64_t timeout_ms;  /* for one request */
    bool has_jsonb;       /* store bodies as jsonb as well */
};

extern const struct inbox_type inbox_postgres_type;

#endif
