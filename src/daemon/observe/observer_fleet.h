/*
 * observer_fleet.h - what this host has seen of its fleet: who is in it, who
 * has which slots, what has moved, and how its own membership is. Fed with the
 * outcome of each request to the tables; the log, metrics, API and page read
 * from it. Pure.
 *
 *   - Each reply is compared with the one before. What operators should know is
 *     reported as a transition (TRANSITION_FLEET): hosts that come and go,
 *     slots that have moved, configurations that differ.
 *   - Slots move a few at a time, so they are added up, and reported once a
 *     reply shows no more of them, or after a while.
 *   - If requests fail, that is reported when the second one in a row does, and
 *     again when this host has stopped polling because of it; then every hour.
 */
#ifndef DAEMON_OBSERVER_FLEET_H
#define DAEMON_OBSERVER_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/observe/observer_member.h"
#include "fleet/fleet.h"
#include "inbox/inbox_fleet.h"

struct observer;

/* X(name, label, is_trouble) */
#define OBSERVER_FLEET_EVENT_MAP(X)  \
    X(JOINED, "joined", false)       \
    X(LEFT, "left", false)           \
    X(EXPIRED, "expired", true)      \
    X(DRAINING, "draining", false)   \
    X(UNDRAINED, "undrained", false) \
    X(TOOK, "took_over", false)      \
    X(HANDED, "handed_over", false)  \
    X(LOST, "lost", true)            \
    X(DIFFERS, "differs", true)      \
    X(AGREES, "agrees", false)       \
    X(UNRENEWED, "unrenewed", true)  \
    X(STOPPED, "stopped", true)      \
    X(RENEWED, "renewed", false)

enum observer_fleet_event {
#define OBSERVER_FLEET_EVENT_ENUM(name, label, is_trouble) \
    OBSERVER_FLEET_##name,
    OBSERVER_FLEET_EVENT_MAP(OBSERVER_FLEET_EVENT_ENUM)
#undef OBSERVER_FLEET_EVENT_ENUM
        OBSERVER_FLEET_EVENT_COUNT
};

/* Whether an event with this label is worth a warning. */
bool observer_fleet_is_trouble(const char *label);

/* X(name, label, text). Of this host. */
#define OBSERVER_FLEET_STATE_MAP(X)                                 \
    X(OUTSIDE, "outside", "is not a member yet, and polls nothing") \
    X(MEMBER, "member", "polls its share of the servers")           \
    X(FAILING, "failing", "cannot renew its membership")            \
    X(STOPPED, "stopped",                                           \
      "could not renew its membership, and polls "                  \
      "nothing")                                                    \
    X(LEAVING, "leaving", "hands its servers over")

enum observer_fleet_state {
#define OBSERVER_FLEET_STATE_ENUM(name, label, text) OBSERVER_HOST_##name,
    OBSERVER_FLEET_STATE_MAP(OBSERVER_FLEET_STATE_ENUM)
#undef OBSERVER_FLEET_STATE_ENUM
        OBSERVER_HOST_STATE_COUNT
};

const char *observer_fleet_label(enum observer_fleet_state state);
const char *observer_fleet_text(enum observer_fleet_state state);

/* Since the start. */
struct observer_fleet_counts {
    uint64_t reply_count;   /* requests that were answered */
    uint64_t failure_count; /* requests that were not */
    uint64_t took_count;    /* slots that came here */
    uint64_t handed_count;  /* slots that went to others, or to nobody */
};

#define OBSERVER_NOBODY UINT16_MAX

struct observer_fleet {
    const struct fleet *fleet;  /* borrowed; for what changes between replies */
    char host[FLEET_HOST_SIZE]; /* own name */
    enum observer_fleet_state state;
    uint64_t since_ms;                  /* when it entered the state */
    uint64_t replied_ms;                /* wall clock of the last reply; 0 */
    uint64_t failing_ms;                /* likewise, of the first failure since
                                           then; 0: none */
    uint64_t told_ms;                   /* when that was last reported */
    unsigned failures;                  /* in a row */
    char *why;                          /* owned; of the last one, or NULL */
    struct observer_member *members;    /* owned; as of the last reply */
    size_t member_count;                /* length of members */
    size_t alive_count;                 /* of those, also draining ones */
    uint16_t owners[FLEET_SLOT_COUNT];  /* index of a member; OBSERVER_NOBODY */
    uint64_t free_ms[FLEET_SLOT_COUNT]; /* wall clock: since when nobody who is
                                           alive has the slot; 0: somebody */
    size_t free_count;                  /* slots that nobody has */
    size_t took_free_count;             /* not reported yet: from nobody */
    uint64_t moved_ms;                  /* first move that is not; 0: none */
    uint64_t differs_ms;                /* wall clock: since when any host that
                                           is alive differs; 0: none does */
    bool is_difference_told;            /* it was reported */
    struct observer_fleet_counts counts; /* see above */
};

/* A host of a fleet, from now on. Borrows fleet, copies host. 0 or
 * HAPLO_ENOMEM. observer_free() frees it. */
int observer_fleet_add(struct observer *observer, const struct fleet *fleet,
                       const char *host, uint64_t now_ms);

/* The outcome of a request, as the fleet has it by now. now_ms: wall clock;
 * clock_ms: that of the fleet. */
struct observer_fleet_note {
    uint64_t now_ms;
    uint64_t clock_ms;
    const struct inbox_fleet_detail *details; /* of the members; borrowed */
    size_t detail_count;                      /* if it is not that of members,
                                                 these are not known */
    const char *why; /* one line; NULL: it was answered */
};
void observer_fleet_note(struct observer *observer,
                         const struct observer_fleet_note *note);

/* The host that has the slot of a server; NULL: nobody, or not known. */
const char *observer_fleet_owner(const struct observer *observer,
                                 const char *server);

/* When the first of the slots without an owner lost it, wall clock; 0: all have
 * one. */
uint64_t observer_fleet_free_since(const struct observer_fleet *fleet);

/* The slots that this host works on, in this state. */
size_t observer_fleet_slots(const struct observer_fleet *fleet,
                            enum fleet_slot_state state);

#endif
