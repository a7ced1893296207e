#include "daemon/observe/observer_member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL(name, label, text) label,
#define TEXT(name, label, text) text,

const char *observer_member_label(enum observer_member_state state)
{
    static const char *const labels[] = {OBSERVER_MEMBER_STATE_MAP(LABEL)};
    return labels[state];
}

const char *observer_member_text(enum observer_member_state state)
{
    static const char *const texts[] = {OBSERVER_MEMBER_STATE_MAP(TEXT)};
    return texts[state];
}

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

static void take_row(struct observer_member *member,
                     const struct fleet_member *row,
                     const struct inbox_fleet_detail *detail)
{
    copy(member->host, sizeof member->host, row->host);
    member->term = row->term;
    member->weight = row->weight;
    if (detail != NULL) {
        copy(member->version, sizeof member->version, detail->version);
        copy(member->digest, sizeof member->digest, detail->digest);
        member->joined_ms = detail->joined_at_ms;
        member->renewed_ms = detail->renewed_at_ms;
    }
}

static void count_slots(const struct observer_tables *tables,
                        struct observer_member *members)
{
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        size_t owner = tables->slots[i].owner;
        size_t desired = tables->desired[i];
        if (owner < tables->member_count) {
            members[owner].own_count++;
        }
        if (desired < tables->member_count) {
            members[desired].desired_count++;
        }
    }
}

static enum observer_member_state state_of(const struct fleet_member *row,
                                           size_t own_count)
{
    if (row->left_ms > 0) {
        return row->is_draining ? OBSERVER_MEMBER_DRAINING
                                : OBSERVER_MEMBER_ALIVE;
    }
    return own_count > 0 ? OBSERVER_MEMBER_EXPIRED : OBSERVER_MEMBER_GONE;
}

/* What a host that is not alive was told does not matter. */
static bool is_different(const struct observer_member *member,
                         const char *digest)
{
    return observer_member_is_alive(member) && digest != NULL &&
           digest[0] != '\0' && member->digest[0] != '\0' &&
           strcmp(member->digest, digest) != 0;
}

struct observer_member *observer_members_make(
    const struct observer_tables *tables)
{
    size_t count = tables->member_count;
    struct observer_member *members = calloc(count + 1, sizeof *members);
    if (members == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        take_row(&members[i], &tables->members[i],
                 tables->details == NULL ? NULL : &tables->details[i]);
    }
    count_slots(tables, members);
    for (size_t i = 0; i < count; i++) {
        members[i].state = state_of(&tables->members[i], members[i].own_count);
        members[i].differs = is_different(&members[i], tables->digest);
    }
    return members;
}
