/*
 * fleet_tables.h - the tables members and slots of a simulated database, which
 * carries out each request of a host as one transaction, by its own clock; as
 * src/inbox/postgres/pg_fleet.c does.
 */
#ifndef TEST_FLEET_TABLES_H
#define TEST_FLEET_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet.h"

#define FLEET_TABLES_MEMBERS 128

struct fleet_tables_member {
    struct fleet_member row; /* without left_ms */
    uint64_t expires_ms;
};

struct fleet_tables {
    struct fleet_tables_member members[FLEET_TABLES_MEMBERS];
    size_t member_count;
    struct fleet_slot slots[FLEET_SLOT_COUNT]; /* owner: index of a member */
    size_t requests;                           /* that were carried out */
    size_t moves;                              /* likewise */
    size_t stale_moves;                        /* that were not */
};

/* Nobody is a member, and no slot has an owner. */
void fleet_tables_init(struct fleet_tables *tables);

/* Carries the request out, and sets the first two fields of its reply. */
void fleet_tables_ask(struct fleet_tables *tables,
                      const struct fleet_policy *policy, uint64_t now_ms,
                      const char *host, uint32_t weight,
                      const struct fleet_request *request,
                      struct fleet_reply *reply);

/* Fills the rest of the reply, which borrows members (room for
 * FLEET_TABLES_MEMBERS) and slots (FLEET_SLOT_COUNT). */
void fleet_tables_show(const struct fleet_tables *tables, uint64_t now_ms,
                       struct fleet_member *members, struct fleet_slot *slots,
                       struct fleet_reply *reply);

/* The row of that host; NULL: it has never been a member. */
struct fleet_tables_member *fleet_tables_find(struct fleet_tables *tables,
                                              const char *host);

#endif
