/*
 * pg_fault.c - errors by their SQLSTATE (appendix A of PostgreSQL's manual).
 * Its first two characters are the class of the error.
 */
#include "inbox/postgres/pg_fault.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct fault_row {
    const char *prefix;     /* of the SQLSTATE; the first match counts */
    enum inbox_fault fault; /* before COMMIT */
    const char *advice;     /* what to do about it, or NULL */
    const char *command;    /* that does it, to be run on the inbox; or NULL */
};

/* An outage concerns every part; what is not listed may concern a single
 * one. */
static const struct fault_row rows[] = {
    {"08", INBOX_OUTAGE, NULL, NULL}, /* connection exceptions */
    {"22012", INBOX_PART,
     "rows that were written have disappeared: remove triggers and rules from "
     "the tables of the inbox",
     NULL},
    {"25006", INBOX_OUTAGE, "the server is a standby, or read-only", NULL},
    {"25P03", INBOX_OUTAGE, NULL, NULL}, /* idle in transaction for too long */
    {"28", INBOX_OUTAGE, NULL, NULL},    /* authorisation */
    {"3D000", INBOX_OUTAGE, NULL, NULL}, /* no such database */
    {"3F000", INBOX_OUTAGE, "the schema is missing", "migrate"},
    {"40", INBOX_OUTAGE, NULL, NULL}, /* deadlock, serialisation */
    {"42501", INBOX_OUTAGE, "give the role of the inbox (ROLE) its rights",
     "migrate --writer ROLE"},
    {"42", INBOX_OUTAGE, "the tables are not those of the inbox", "migrate"},
    {"53100", INBOX_OUTAGE, "the disk of the server is full", NULL},
    {"53200", INBOX_PART, NULL,
     NULL}, /* out of memory: a smaller group may fit */
    {"53300", INBOX_OUTAGE, "raise max_connections", NULL},
    {"53", INBOX_OUTAGE, NULL, NULL}, /* other resources */
    {"54", INBOX_PART, NULL, NULL},   /* a value is too large */
    {"55P03", INBOX_OUTAGE, "another session holds a lock", NULL},
    {"55", INBOX_OUTAGE, NULL, NULL},
    {"57014", INBOX_OUTAGE, "cancelled by statement_timeout or by somebody",
     NULL},
    {"57", INBOX_OUTAGE, NULL, NULL}, /* shut down, or starting up */
    {"58", INBOX_OUTAGE, NULL, NULL}, /* the server's system */
    {"F0", INBOX_OUTAGE, NULL, NULL}, /* its configuration */
};

static const struct fault_row *row_find(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strncmp(rows[i].prefix, sqlstate, strlen(rows[i].prefix)) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

enum inbox_fault pg_fault(const char *sqlstate)
{
    const struct fault_row *row = row_find(sqlstate);

    return row != NULL ? row->fault : INBOX_PART;
}

/* What a deferred constraint or trigger has rejected was rolled back, as was
 * the loser of a deadlock. Anything else may have come after the commit, such
 * as a cancelled wait for a standby. */
enum inbox_fault pg_fault_of_commit(const char *sqlstate)
{
    static const char *const rejected[] = {"22", "23", "25", "40", "P0"};

    for (size_t i = 0; i < sizeof(rejected) / sizeof(rejected[0]); i++) {
        if (strncmp(sqlstate, rejected[i], 2) == 0) {
            return pg_fault(sqlstate);
        }
    }
    return INBOX_DOUBT;
}

/* 22: no jsonb, or no text; 54: too large, too deep; XX: a size beyond what the
 * server can allocate. */
bool pg_fault_is_of_value(const char *sqlstate)
{
    return (strncmp(sqlstate, "22", 2) == 0 &&
            strcmp(sqlstate, "22012") != 0) ||
           strncmp(sqlstate, "54", 2) == 0 || strcmp(sqlstate, "XX000") == 0;
}

bool pg_fault_is_of_server(const char *sqlstate)
{
    return strcmp(sqlstate, "25006") == 0 || strncmp(sqlstate, "57P", 3) == 0 ||
           strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "58", 2) == 0;
}

const char *pg_fault_advice(const char *sqlstate, const char *inbox,
                            char text[PG_FAULT_ADVICE_SIZE])
{
    const struct fault_row *row = row_find(sqlstate);
    char hint[COMMAND_HINT_SIZE];

    text[0] = '\0';
    if (row != NULL && row->command != NULL) {
        (void)snprintf(text, PG_FAULT_ADVICE_SIZE, "%s: run `%s`", row->advice,
                       command_hint(hint, row->command, inbox, NULL));
    } else if (row != NULL && row->advice != NULL) {
        (void)snprintf(text, PG_FAULT_ADVICE_SIZE, "%s", row->advice);
    }
    return text;
}
