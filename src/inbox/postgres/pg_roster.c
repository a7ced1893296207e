#include "inbox/postgres/pg_roster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inbox/postgres/pg_schema.h"

/* $1 whether the rows of last time are known, $2 their hash. */
const char pg_roster_slots_sql[] =
    "WITH s AS MATERIALIZED (SELECT slot, term, owner FROM @slots),"
    " h AS (SELECT coalesce(hashtextextended(string_agg(term || coalesce("
    "'=' || owner, ''), ',' ORDER BY slot), 0), 0) AS hash FROM s)"
    " SELECT h.hash, s.slot::bigint, s.term, s.owner"
    " FROM h LEFT JOIN s ON NOT ($1 AND h.hash = $2) ORDER BY s.slot";

const char pg_roster_members_sql[] =
    "SELECT host, term, expires_at - " PG_NOW_MS ", weight, is_draining,"
    " version, digest, joined_at, renewed_at"
    " FROM @members ORDER BY host COLLATE \"C\"";

enum { SLOT_HASH, SLOT_NUMBER, SLOT_TERM, SLOT_OWNER };

void pg_roster_ask(const struct pg_roster *roster,
                   struct pg_statement *statement)
{
    bool is_known = roster->rows != NULL;

    pg_statement_bool(statement, is_known);
    pg_statement_number(statement,
                        is_known ? pg_number(roster->rows, 0, SLOT_HASH) : 0);
}

void pg_roster_free(struct pg_roster *roster)
{
    free(roster->members);
    free(roster->details);
    PQclear(roster->rows);
}

/* Members */

static void copy(char *to, size_t size, const char *text)
{
    (void)snprintf(to, size, "%s", text);
}

static void member_read(const PGresult *result, int row,
                        struct fleet_member *member,
                        struct inbox_fleet_detail *detail)
{
    copy(member->host, sizeof(member->host), pg_text(result, row, 0));
    member->term = (uint64_t)pg_number(result, row, 1);
    member->left_ms = pg_number(result, row, 2);
    member->weight = (uint32_t)pg_number(result, row, 3);
    member->is_draining = pg_bool(result, row, 4);
    copy(detail->version, sizeof(detail->version), pg_text(result, row, 5));
    copy(detail->digest, sizeof(detail->digest), pg_text(result, row, 6));
    detail->joined_at_ms = (uint64_t)pg_number(result, row, 7);
    detail->renewed_at_ms = (uint64_t)pg_number(result, row, 8);
}

static int members_take(struct pg_roster *roster, const PGresult *result)
{
    size_t count = (size_t)PQntuples(result);
    struct fleet_member *members = calloc(count + 1, sizeof(*members));
    struct inbox_fleet_detail *details = calloc(count + 1, sizeof(*details));

    if (members == NULL || details == NULL) {
        free(members);
        free(details);
        return HAPLO_ENOMEM;
    }
    free(roster->members);
    free(roster->details);
    roster->members = members;
    roster->details = details;
    roster->member_count = count;
    for (size_t i = 0; i < count; i++) {
        member_read(result, (int)i, &members[i], &details[i]);
    }
    return 0;
}

/* Slots */

static int compare_hosts(const void *host, const void *member)
{
    return strcmp(host, ((const struct fleet_member *)member)->host);
}

static size_t member_find(const struct pg_roster *roster, const char *host)
{
    const struct fleet_member *found =
        bsearch(host, roster->members, roster->member_count,
                sizeof(*roster->members), compare_hosts);

    return found != NULL ? (size_t)(found - roster->members) : FLEET_NOBODY;
}

static bool has_all_slots(const PGresult *result)
{
    if (PQntuples(result) != FLEET_SLOT_COUNT) {
        return false;
    }
    for (int i = 0; i < FLEET_SLOT_COUNT; i++) {
        if (PQgetisnull(result, i, SLOT_NUMBER) ||
            pg_number(result, i, SLOT_NUMBER) != i) {
            return false;
        }
    }
    return true;
}

/* True if the rows of last time are still valid. */
static bool is_unchanged(const struct pg_roster *roster, const PGresult *result)
{
    return roster->rows != NULL && PQntuples(result) == 1 &&
           PQgetisnull(result, 0, SLOT_NUMBER) &&
           pg_number(result, 0, SLOT_HASH) ==
               pg_number(roster->rows, 0, SLOT_HASH);
}

static void slots_fill(struct pg_roster *roster)
{
    const PGresult *rows = roster->rows;

    for (int i = 0; i < FLEET_SLOT_COUNT; i++) {
        roster->slots[i] = (struct fleet_slot){
            .owner = PQgetisnull(rows, i, SLOT_OWNER)
                         ? FLEET_NOBODY
                         : member_find(roster, pg_text(rows, i, SLOT_OWNER)),
            .term = (uint64_t)pg_number(rows, i, SLOT_TERM),
        };
    }
}

int pg_roster_take(struct pg_roster *roster, PGresult **slots,
                   const PGresult *members, struct reason *why)
{
    if (!is_unchanged(roster, *slots)) {
        if (!has_all_slots(*slots)) {
            return reason_set(why, HAPLO_EINVAL,
                              "the table slots is damaged: it must have the "
                              "slots 0 to %d",
                              FLEET_SLOT_COUNT - 1);
        }
        PQclear(roster->rows);
        roster->rows = *slots;
        *slots = NULL;
    }
    if (members_take(roster, members) != 0) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    slots_fill(roster);
    return 0;
}
