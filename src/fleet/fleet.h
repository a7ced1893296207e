/*
 * fleet.h - the part of one host in a fleet: which slots it polls, when it
 * takes others over, and when it must stop. Pure: no I/O and no clock; the
 * owner sends the requests to the database and works on the slots.
 *
 *                    gained                       planned move
 *   ELSEWHERE ----------------------> OWN --------------------> DRAINING
 *       ^  ^                          | ^                        |  |
 *       |  +--------------------------+ +---- it stays here -----+  | drained
 *       |        somebody else has it                               v
 *       +------------------------------------------------------- DRAINED
 *                          handed over
 *
 *   - The host renews its membership every renew_ms (a heartbeat). The same
 *     request hands slots over and claims others, and its reply shows all
 *     members and slots: what the database says is what counts, so that it does
 *     no harm if the outcome of a request is unknown.
 *   - From the members that are alive follows the desired owner of each slot
 *     (placement.h). Desired is not effective: a host works on a slot only if
 *     the database says that it has it.
 *   - An owner that should not have a slot drains it, and then hands it over;
 *     only moves_per_s slots begin to move in a second.
 *   - A slot whose owner has gone, or has not renewed its membership, is
 * claimed by its desired owner; the latter after grace_ms, and a part of
 * jitter_ms that depends on the slot.
 *
 * Whoever could not renew stops by himself: fleet_may_begin() is false some
 * time before others may take over, and all slots are lost when that ends. This
 * prevents two hosts from polling a queue at the same time; that no message is
 * lost or stored twice does not depend on it, but on the states of the queues
 * (haplo_state_compare()).
 *
 * Times are of one clock that goes on while the machine is suspended, in
 * milliseconds (CLOCK_BOOTTIME). They must be read afresh for each call: a loop
 * remembers the time.
 */
#ifndef FLEET_FLEET_H
#define FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/placement.h"

#define FLEET_NEVER UINT64_MAX
#define FLEET_HOST_SIZE 65 /* of the name of a host, with its NUL */

struct fleet_policy {
    uint64_t ttl_ms;      /* how long a membership lasts without a heartbeat */
    uint64_t renew_ms;    /* between two heartbeats */
    uint64_t soon_ms;     /* the same while slots are on their way */
    uint64_t retry_ms;    /* after one that failed */
    uint64_t margin_ms;   /* before it ends, nothing is begun any more */
    uint64_t grace_ms;    /* after it has ended, until slots are claimed */
    uint64_t jitter_ms;   /* more than that, at most */
    unsigned moves_per_s; /* slots that begin to move in a second; not 0 */
};

/* A row of each table. */
struct fleet_member {
    char host[FLEET_HOST_SIZE]; /* its name */
    uint64_t term;              /* grows each time that it joins */
    int64_t left_ms;            /* until its membership ends; negative: since */
    uint32_t weight;            /* see placement.h */
    bool is_draining;           /* an operator wants it to have no slots */
};

struct fleet_slot {
    size_t owner;  /* index of a member; FLEET_NOBODY */
    uint64_t term; /* grows with each change of the owner */
};

/* The tables after a request. */
struct fleet_reply {
    bool is_member; /* the request found the membership, or made it */
    uint64_t term;  /* of it */
    const struct fleet_member *members;
    size_t member_count;
    const struct fleet_slot *slots; /* FLEET_SLOT_COUNT */
};

enum fleet_request_kind {
    FLEET_JOIN,  /* make the membership, with a new term; renew it */
    FLEET_RENEW, /* renew it, if its term is still the same */
    FLEET_LEAVE  /* end it, if its term is still the same */
};

/* A slot that gets another owner, if its term is still the same. */
struct fleet_move {
    unsigned slot;
    uint64_t term;
    const char *to; /* borrowed; a host; NULL: nobody */
};

/* A request, which must be carried out as one transaction. */
struct fleet_request {
    enum fleet_request_kind kind;
    uint64_t term;                  /* of the membership; JOIN: 0 */
    const struct fleet_move *moves; /* only if its membership is found */
    size_t move_count;
};

/* Callbacks to the owner. None may call the fleet. */
struct fleet_calls {
    /* Sends a request; fleet_replied() or fleet_failed() must follow. The
     * request is valid only during the call. */
    void (*ask_cb)(void *data, const struct fleet_request *request);
    /* The slot is this host's: work on it. Also if it was draining. */
    void (*gain_cb)(void *data, unsigned slot);
    /* Begin nothing new, and call fleet_drained() when nothing is left. */
    void (*drain_cb)(void *data, unsigned slot);
    /* It is no longer this host's, though something may be under way: drop
     * that. */
    void (*lose_cb)(void *data, unsigned slot);
};

enum fleet_state {
    FLEET_OUTSIDE, /* no member yet, or no longer */
    FLEET_MEMBER,
    FLEET_LEAVING, /* all slots are draining */
    FLEET_LEFT
};

enum fleet_slot_state {
    FLEET_SLOT_ELSEWHERE,
    FLEET_SLOT_OWN,
    FLEET_SLOT_DRAINING,
    FLEET_SLOT_DRAINED
};

struct fleet {
    const struct fleet_policy *policy; /* borrowed */
    const struct fleet_calls *calls;   /* borrowed */
    void *data;                        /* passed to calls */
    const char *host;                  /* borrowed; the own name */
    enum fleet_state state;
    uint64_t term;                /* of the membership; 0: none */
    uint64_t deadline_ms;         /* begin nothing from then on; 0: nothing */
    uint64_t asked_ms;            /* when the last request was sent */
    uint64_t ask_due_ms;          /* when the next one is due */
    uint64_t move_due_ms;         /* when the next slot may begin to move */
    uint64_t view_ms;             /* when the tables were shown */
    bool is_asking;               /* a request is under way */
    bool must_leave;              /* do not wait for what is draining */
    struct fleet_member *members; /* owned; as shown */
    struct placement_host *hosts; /* owned; with the weight of those alive */
    size_t member_count;          /* of both */
    size_t self;                  /* own index; FLEET_NOBODY */
    uint64_t placed;              /* hash of the hosts that desired is for */
    struct fleet_move *moves;     /* owned; of the request under way */
    struct fleet_slot slots[FLEET_SLOT_COUNT];           /* as shown */
    size_t desired[FLEET_SLOT_COUNT];                    /* their owners */
    enum fleet_slot_state slot_states[FLEET_SLOT_COUNT]; /* as it works */
};

/* Borrows policy, calls and host. Returns 0 or HAPLO_ENOMEM. fleet_free() must
 * follow. */
int fleet_init(struct fleet *fleet, const struct fleet_policy *policy,
               const struct fleet_calls *calls, void *data, const char *host);
void fleet_free(struct fleet *fleet);

/* Does what is due. To be called first of all, and at fleet_due_ms(). */
void fleet_tick(struct fleet *fleet, uint64_t now_ms);

/* When to call fleet_tick(); to be asked after each other call. FLEET_NEVER:
 * only after the reply that is awaited, or it has left. */
uint64_t fleet_due_ms(const struct fleet *fleet);

/* The answer to the request: the tables, borrowed during the call; or nothing
 * is known of its outcome. */
void fleet_replied(struct fleet *fleet, uint64_t now_ms,
                   const struct fleet_reply *reply);
void fleet_failed(struct fleet *fleet, uint64_t now_ms);

/* Nothing of the slot is under way any more, after drain_cb. */
void fleet_drained(struct fleet *fleet, uint64_t now_ms, unsigned slot);

/* Drains all slots, hands them over, and leaves. */
void fleet_leave(struct fleet *fleet, uint64_t now_ms);
/* The same, but slots that are draining are not waited for, and lost when the
 * request to leave is sent: to be called when the process ends. Others claim
 * them when grace_ms is over. */
void fleet_leave_now(struct fleet *fleet, uint64_t now_ms);

/* Whether a fetch or a mark may begin. */
static inline bool fleet_may_begin(const struct fleet *fleet, uint64_t now_ms)
{
    return now_ms < fleet->deadline_ms;
}

#endif
