#include "fleet_tables.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void fleet_tables_init(struct fleet_tables *tables)
{
    memset(tables, 0, sizeof *tables);
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        tables->slots[i].owner = FLEET_NOBODY;
    }
}

struct fleet_tables_member *fleet_tables_find(struct fleet_tables *tables,
                                              const char *host)
{
    for (size_t i = 0; i < tables->member_count; i++) {
        if (strcmp(tables->members[i].row.host, host) == 0) {
            return &tables->members[i];
        }
    }
    return NULL;
}

static struct fleet_tables_member *add(struct fleet_tables *tables,
                                       const char *host)
{
    assert(tables->member_count < FLEET_TABLES_MEMBERS);
    struct fleet_tables_member *member =
        &tables->members[tables->member_count++];
    *member = (struct fleet_tables_member){.row.term = 0};
    (void)snprintf(member->row.host, sizeof member->row.host, "%s", host);
    return member;
}

/* Joins, or finds the membership of that term; NULL: it is no member. */
static struct fleet_tables_member *find_membership(
    struct fleet_tables *tables, const char *host, uint32_t weight,
    const struct fleet_request *request)
{
    struct fleet_tables_member *member = fleet_tables_find(tables, host);
    if (request->kind == FLEET_JOIN) {
        member = member == NULL ? add(tables, host) : member;
        member->row.term++;
        member->row.weight = weight;
        return member;
    }
    return member != NULL && member->row.term == request->term ? member : NULL;
}

/* Its membership has not ended, nor the grace after it. */
static bool holds(const struct fleet_tables *tables,
                  const struct fleet_policy *policy, uint64_t now_ms,
                  size_t owner)
{
    return owner != FLEET_NOBODY &&
           tables->members[owner].expires_ms + policy->grace_ms > now_ms;
}

static size_t index_of(struct fleet_tables *tables, const char *host)
{
    const struct fleet_tables_member *member =
        host == NULL ? NULL : fleet_tables_find(tables, host);
    return member == NULL ? FLEET_NOBODY : (size_t)(member - tables->members);
}

static void move_slots(struct fleet_tables *tables,
                       const struct fleet_policy *policy, uint64_t now_ms,
                       const char *host, const struct fleet_request *request)
{
    size_t self = index_of(tables, host);
    for (size_t i = 0; i < request->move_count; i++) {
        const struct fleet_move *move = &request->moves[i];
        struct fleet_slot *slot = &tables->slots[move->slot];
        if (slot->term == move->term &&
            (slot->owner == self ||
             !holds(tables, policy, now_ms, slot->owner))) {
            slot->owner = index_of(tables, move->to);
            slot->term++;
            tables->moves++;
        } else {
            tables->stale_moves++;
        }
    }
}

void fleet_tables_ask(struct fleet_tables *tables,
                      const struct fleet_policy *policy, uint64_t now_ms,
                      const char *host, uint32_t weight,
                      const struct fleet_request *request,
                      struct fleet_reply *reply)
{
    struct fleet_tables_member *member =
        find_membership(tables, host, weight, request);
    tables->requests++;
    *reply = (struct fleet_reply){.is_member = false};
    if (member == NULL) {
        return;
    }
    reply->term = member->row.term;
    member->expires_ms = now_ms + policy->ttl_ms;
    move_slots(tables, policy, now_ms, host, request);
    if (request->kind == FLEET_LEAVE) {
        member->expires_ms = now_ms; /* the row stays, with its term */
    } else {
        reply->is_member = true;
    }
}

void fleet_tables_show(const struct fleet_tables *tables, uint64_t now_ms,
                       struct fleet_member *members, struct fleet_slot *slots,
                       struct fleet_reply *reply)
{
    for (size_t i = 0; i < tables->member_count; i++) {
        members[i] = tables->members[i].row;
        members[i].left_ms =
            (int64_t)tables->members[i].expires_ms - (int64_t)now_ms;
    }
    memcpy(slots, tables->slots, sizeof tables->slots);
    reply->members = members;
    reply->member_count = tables->member_count;
    reply->slots = slots;
}
