/*
 * observer_member.h - a host of a fleet, as the tables show it. Pure.
 */
#ifndef DAEMON_OBSERVER_MEMBER_H
#define DAEMON_OBSERVER_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/fleet.h"
#include "inbox/inbox_fleet.h"

/* X(name, label, text). Of any host, as the tables show it. */
#define OBSERVER_MEMBER_STATE_MAP(X)                                     \
    X(ALIVE, "alive", "polls its share of the servers")                  \
    X(DRAINING, "draining", "hands its servers over and gets no others") \
    X(EXPIRED, "expired", "is not heard of, but still has slots")        \
    X(GONE, "gone", "was a member, and has no slots")

enum observer_member_state {
#define OBSERVER_MEMBER_STATE_ENUM(name, label, text) OBSERVER_MEMBER_##name,
    OBSERVER_MEMBER_STATE_MAP(OBSERVER_MEMBER_STATE_ENUM)
#undef OBSERVER_MEMBER_STATE_ENUM
        OBSERVER_MEMBER_STATE_COUNT
};

struct observer_member {
    char host[FLEET_HOST_SIZE]; /* its name */
    char version[INBOX_FLEET_VERSION_SIZE];
    char digest[INBOX_FLEET_DIGEST_SIZE]; /* "": unknown */
    enum observer_member_state state;
    uint64_t term;        /* of its membership */
    uint32_t weight;      /* see fleet/placement.h */
    uint64_t joined_ms;   /* wall clock of the database; 0: unknown */
    uint64_t renewed_ms;  /* likewise */
    size_t own_count;     /* slots that it has */
    size_t desired_count; /* slots that it should have */
    bool differs;         /* its configuration is not that of this host */
    /* Slots that have moved since the last report of moves: */
    size_t took_count;   /* from it to this host */
    size_t handed_count; /* from this host to it */
    size_t lost_count;   /* the same, while this host polled nothing */
};

/* What the tables have. */
struct observer_tables {
    const struct fleet_member *members;
    const struct inbox_fleet_detail *details; /* of members; NULL: unknown */
    size_t member_count;                      /* length of both */
    const struct fleet_slot *slots;           /* FLEET_SLOT_COUNT */
    const size_t *desired; /* owner of each; index of a member, or
                              FLEET_NOBODY */
    const char *digest; /* of the configuration to compare with; NULL: none */
};

/* Returns an array to be freed, in the same order; NULL if memory runs out. */
struct observer_member *observer_members_make(
    const struct observer_tables *tables);

static inline bool observer_member_is_alive(
    const struct observer_member *member)
{
    return member->state == OBSERVER_MEMBER_ALIVE ||
           member->state == OBSERVER_MEMBER_DRAINING;
}

const char *observer_member_label(enum observer_member_state state);
const char *observer_member_text(enum observer_member_state state);

#endif
