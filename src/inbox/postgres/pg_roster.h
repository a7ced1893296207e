/*
 * pg_roster.h - the rows of the tables members and slots, as they were read
 * last. The slots rarely change: only when their hash is another one than that
 * of last time, the server sends their rows.
 */
#ifndef INBOX_POSTGRES_PG_ROSTER_H
#define INBOX_POSTGRES_PG_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "inbox/inbox_fleet.h"
#include "inbox/postgres/pg_statement.h"

struct pg_roster {
    struct fleet_member *members;       /* owned; in the order of their names */
    struct inbox_fleet_detail *details; /* owned; of members */
    size_t member_count;                /* length of both */
    PGresult *rows;                     /* owned; of slots; NULL: none yet */
    struct fleet_slot slots[FLEET_SLOT_COUNT]; /* owner: index of members */
};

/* SQL for pg_names_expand(). That of the slots comes first: whoever has one is
 * then among the members that are read. */
extern const char pg_roster_slots_sql[];
extern const char pg_roster_members_sql[];

/* Adds the parameters of pg_roster_slots_sql. */
void pg_roster_ask(const struct pg_roster *roster,
                   struct pg_statement *statement);

/* Takes the results, in binary format: slots is set to NULL if it is kept.
 * Returns 0, or HAPLO_E* with why set. */
int pg_roster_take(struct pg_roster *roster, PGresult **slots,
                   const PGresult *members, struct reason *why);

void pg_roster_free(struct pg_roster *roster);

#endif
