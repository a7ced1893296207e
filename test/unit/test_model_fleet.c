/*
 * The model of a fleet in test/model is a model of this code: every step that
 * it takes with its one slot, in all that it explores, src/fleet/fleet.c takes
 * as well, from the same state to the same state, with the same calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW_MS 1000000
#define ASKED_MS (NOW_MS - 100)
#define TERM 7 /* of the slot, when it was last shown */

static const struct fleet_policy policy = {
    .ttl_ms = 30000,
    .renew_ms = 5000,
    .soon_ms = 500,
    .retry_ms = 1000,
    .margin_ms = 5000,
    .grace_ms = 5000,
    .jitter_ms = 3000,
    .moves_per_s = 8,
};

/* The model's words. Members are this host and the other one, in this order. */
enum whose { SELF, OTHER, NO_ONE };
enum move { NO_MOVE, TO_NO_ONE, TO_SELF, TO_OTHER };

static size_t index_of(enum whose whose)
{
    return whose == NO_ONE ? FLEET_NOBODY : (size_t)whose;
}

/* What the code does */

static struct {
    unsigned slot; /* the one that counts; calls for others are not noted */
    bool does_lose, does_gain, does_drain;
    bool has_asked;
    enum fleet_request_kind kind;
    enum move move;
} seen;

static void on_ask(void *data, const struct fleet_request *request)
{
    (void)data;
    seen.has_asked = true;
    seen.kind = request->kind;
    for (size_t i = 0; i < request->move_count; i++) {
        const struct fleet_move *move = &request->moves[i];
        if (move->slot == seen.slot) {
            assert_int_equal(move->term, TERM);
            seen.move = move->to == NULL                ? TO_NO_ONE
                        : strcmp(move->to, "self") == 0 ? TO_SELF
                                                        : TO_OTHER;
        }
    }
}

static void on_gain(void *data, unsigned slot)
{
    (void)data;
    seen.does_gain = seen.does_gain || slot == seen.slot;
}

static void on_drain(void *data, unsigned slot)
{
    (void)data;
    seen.does_drain = seen.does_drain || slot == seen.slot;
}

static void on_lose(void *data, unsigned slot)
{
    (void)data;
    assert_false(slot == seen.slot && seen.does_gain); /* before it is gained */
    seen.does_lose = seen.does_lose || slot == seen.slot;
}

static const struct fleet_calls calls = {
    .ask_cb = on_ask,
    .gain_cb = on_gain,
    .drain_cb = on_drain,
    .lose_cb = on_lose,
};

/* A slot that the first of both hosts should have, or the other one. */
static unsigned slot_for(bool is_self_first)
{
    const struct placement_host hosts[] = {{placement_hash("self"), 1},
                                           {placement_hash("other"), 1}};
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (placement_owner(slot, hosts, 2) == (is_self_first ? SELF : OTHER)) {
            return slot;
        }
    }
    fail_msg("no slot");
    return 0;
}

static void members_make(struct fleet_member members[2])
{
    memset(members, 0, 2 * sizeof *members);
    strcpy(members[SELF].host, "self");
    strcpy(members[OTHER].host, "other");
    members[SELF].weight = 1;
    members[OTHER].weight = 1;
    members[SELF].left_ms = (int64_t)policy.ttl_ms;
}

/* A host that has been shown both, and works on the slot as it says. */
static void fleet_make(struct fleet *fleet, unsigned slot,
                       enum fleet_state state, enum fleet_slot_state slot_state)
{
    memset(&seen, 0, sizeof seen);
    seen.slot = slot;
    assert_int_equal(fleet_init(fleet, &policy, &calls, NULL, "self"), 0);
    fleet->members = calloc(2, sizeof *fleet->members);
    fleet->hosts = calloc(2, sizeof *fleet->hosts);
    assert_non_null(fleet->members);
    assert_non_null(fleet->hosts);
    members_make(fleet->members);
    for (size_t i = 0; i < 2; i++) {
        fleet->hosts[i].hash = placement_hash(fleet->members[i].host);
    }
    fleet->member_count = 2;
    fleet->self = SELF;
    fleet->state = state;
    fleet->slot_states[slot] = slot_state;
    fleet->slots[slot].term = TERM;
    fleet->view_ms = NOW_MS;
    fleet->asked_ms = ASKED_MS;
    fleet->deadline_ms = NOW_MS + policy.ttl_ms;
    fleet->ask_due_ms = FLEET_NEVER;
    fleet->move_due_ms = FLEET_NEVER;
}

/* Replies */

struct replied_line {
    const char *text;             /* of steps.h */
    unsigned who;                 /* 0: this host should have the slot */
    enum fleet_state before;      /* of the host */
    enum fleet_slot_state slot;   /* of the slot */
    bool is_member;               /* as the reply shows, like the rest */
    enum whose owner;             /* of the slot */
    bool is_same_term;            /* of the slot, as before */
    bool self_drains;             /* it is to have no slots */
    bool other_takes_part;        /* the other one is alive */
    enum fleet_state after;       /* of the host */
    enum fleet_slot_state became; /* the slot */
    bool does_lose, does_gain;    /* the calls */
};

#define FLEET_REPLIED(who, before, slot, member, owner, same, drains, other, \
                      after, became, lose, gain)                             \
    {#before " " #slot " " #owner " -> " #after " " #became,                 \
     who,                                                                    \
     FLEET_##before,                                                         \
     FLEET_SLOT_##slot,                                                      \
     member,                                                                 \
     owner,                                                                  \
     same,                                                                   \
     drains,                                                                 \
     other,                                                                  \
     FLEET_##after,                                                          \
     FLEET_SLOT_##became,                                                    \
     lose,                                                                   \
     gain},
static const struct replied_line replied_lines[] = {
#include "../model/steps.h"
};

static void reply_to(struct fleet *fleet, const struct replied_line *line)
{
    static struct fleet_slot slots[FLEET_SLOT_COUNT];
    struct fleet_member members[2];
    members_make(members);
    members[SELF].is_draining = line->self_drains;
    members[OTHER].left_ms = line->other_takes_part ? 20000 : 0;
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        slots[i] = (struct fleet_slot){.owner = OTHER};
    }
    slots[seen.slot] =
        (struct fleet_slot){.owner = index_of(line->owner),
                            .term = line->is_same_term ? TERM : TERM + 1};
    fleet->is_asking = true;
    fleet_replied(fleet, NOW_MS,
                  &(struct fleet_reply){.is_member = line->is_member,
                                        .term = 1,
                                        .members = members,
                                        .member_count = 2,
                                        .slots = slots});
}

static void take_replied_line(const struct replied_line *line)
{
    struct fleet fleet;
    unsigned slot = slot_for(line->who == 0);
    uint64_t deadline_ms =
        line->is_member ? ASKED_MS + policy.ttl_ms - policy.margin_ms : 0;
    fleet_make(&fleet, slot, line->before, line->slot);
    reply_to(&fleet, line);
    if (fleet.state != line->after || fleet.slot_states[slot] != line->became ||
        seen.does_lose != line->does_lose ||
        seen.does_gain != line->does_gain || fleet.deadline_ms != deadline_ms) {
        fail_msg("%s: the code goes to %d, slot %d, lose %d, gain %d",
                 line->text, (int)fleet.state, (int)fleet.slot_states[slot],
                 seen.does_lose, seen.does_gain);
    }
    fleet_free(&fleet);
}

static void replies_do_what_they_do_in_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(replied_lines) > 50);
    for (size_t i = 0; i < COUNT(replied_lines); i++) {
        take_replied_line(&replied_lines[i]);
    }
}

/* Other events */

enum event { DRAINED, EXPIRED, MOVES, LEAVES };

struct fleet_line {
    const char *text;             /* of steps.h */
    enum event event;             /* what happens */
    bool other_takes_part;        /* LEAVES: the other one is alive */
    enum fleet_state before;      /* of the host */
    enum fleet_slot_state slot;   /* of the slot */
    enum fleet_state after;       /* of the host */
    enum fleet_slot_state became; /* the slot */
    bool does_lose, does_drain;   /* the calls */
};

#define FLEET_STEP(event, other, before, slot, after, became, lose, drain) \
    {#event " in " #before " " #slot " -> " #after " " #became,            \
     event,                                                                \
     other,                                                                \
     FLEET_##before,                                                       \
     FLEET_SLOT_##slot,                                                    \
     FLEET_##after,                                                        \
     FLEET_SLOT_##became,                                                  \
     lose,                                                                 \
     drain},
static const struct fleet_line fleet_lines[] = {
#include "../model/steps.h"
};

static void happen(struct fleet *fleet, const struct fleet_line *line)
{
    fleet->members[OTHER].left_ms = line->other_takes_part ? 20000 : 0;
    fleet->is_asking = true;
    switch (line->event) {
    case DRAINED:
        fleet_drained(fleet, NOW_MS, seen.slot);
        break;
    case EXPIRED:
        fleet->deadline_ms = NOW_MS - policy.margin_ms;
        assert_int_equal(fleet_due_ms(fleet), NOW_MS);
        fleet_tick(fleet, NOW_MS);
        assert_false(fleet_may_begin(fleet, NOW_MS));
        break;
    case MOVES:
        fleet->desired[seen.slot] = OTHER;
        fleet->move_due_ms = NOW_MS;
        assert_int_equal(fleet_due_ms(fleet), NOW_MS);
        fleet_tick(fleet, NOW_MS);
        break;
    case LEAVES:
        fleet_leave(fleet, NOW_MS);
        break;
    }
}

static void take_fleet_line(const struct fleet_line *line)
{
    struct fleet fleet;
    unsigned slot = slot_for(true);
    fleet_make(&fleet, slot, line->before, line->slot);
    happen(&fleet, line);
    if (fleet.state != line->after || fleet.slot_states[slot] != line->became ||
        seen.does_lose != line->does_lose ||
        seen.does_drain != line->does_drain || seen.does_gain) {
        fail_msg("%s: the code goes to %d, slot %d, lose %d, drain %d",
                 line->text, (int)fleet.state, (int)fleet.slot_states[slot],
                 seen.does_lose, seen.does_drain);
    }
    fleet_free(&fleet);
}

static void events_do_what_they_do_in_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(fleet_lines) > 5);
    for (size_t i = 0; i < COUNT(fleet_lines); i++) {
        take_fleet_line(&fleet_lines[i]);
    }
}

/* Requests */

struct asks_line {
    const char *text;             /* of steps.h */
    enum fleet_state state;       /* of the host */
    enum fleet_slot_state slot;   /* of the slot */
    enum whose owner, desired;    /* of the slot, as it was shown */
    bool must_leave;              /* at once */
    bool claims;                  /* it is time to claim the slot */
    enum fleet_request_kind kind; /* of the request */
    enum move move;               /* of the slot, in it */
    bool does_lose;               /* the call */
};

#define FLEET_ASKS(state, slot, owner, desired, must_leave, claims, kind, \
                   move, lose)                                            \
    {#state " " #slot " of " #owner ", " #desired " -> " #kind " " #move, \
     FLEET_##state,                                                       \
     FLEET_SLOT_##slot,                                                   \
     owner,                                                               \
     desired,                                                             \
     must_leave,                                                          \
     claims,                                                              \
     FLEET_##kind,                                                        \
     move,                                                                \
     lose},
static const struct asks_line asks_lines[] = {
#include "../model/steps.h"
};

static void take_asks_line(const struct asks_line *line)
{
    struct fleet fleet;
    unsigned slot = slot_for(true);
    fleet_make(&fleet, slot, line->state, line->slot);
    fleet.slots[slot].owner = index_of(line->owner);
    fleet.desired[slot] = index_of(line->desired);
    fleet.must_leave = line->must_leave;
    fleet.members[OTHER].left_ms =
        line->claims ? -(int64_t)(policy.grace_ms + policy.jitter_ms) : 20000;
    fleet.ask_due_ms = NOW_MS;
    fleet_tick(&fleet, NOW_MS);
    assert_true(seen.has_asked);
    if (seen.kind != line->kind || seen.move != line->move ||
        seen.does_lose != line->does_lose) {
        fail_msg("%s: the code asks for %d, move %d, lose %d", line->text,
                 (int)seen.kind, (int)seen.move, seen.does_lose);
    }
    assert_true(!seen.does_lose || !fleet_may_begin(&fleet, NOW_MS));
    fleet_free(&fleet);
}

static void requests_are_those_of_the_model(void **state)
{
    (void)state;
    assert_true(COUNT(asks_lines) > 20);
    for (size_t i = 0; i < COUNT(asks_lines); i++) {
        take_asks_line(&asks_lines[i]);
    }
}

/* A hand-over that has failed may still be carried out. If the slot were gained
 * again after the lease had ended, it would go to another host from under this
 * one. */
static void what_was_handed_over_stays_drained_when_the_lease_ends(void **state)
{
    (void)state;
    struct fleet fleet;
    unsigned slot = slot_for(true);
    fleet_make(&fleet, slot, FLEET_MEMBER, FLEET_SLOT_DRAINED);
    fleet.desired[slot] = OTHER;
    fleet.deadline_ms = NOW_MS - policy.margin_ms;
    fleet.ask_due_ms = NOW_MS;
    fleet_tick(&fleet, NOW_MS);
    assert_int_equal(fleet.slot_states[slot], FLEET_SLOT_DRAINED);
    assert_int_equal(seen.move, TO_OTHER);
    assert_false(seen.does_lose);
    fleet_free(&fleet);
}

/* Suspended for so long that another host had the slot and has handed it back,
 * it must not go on with the tokens of that time. */
static void a_slot_that_another_host_had_is_lost_and_gained(void **state)
{
    (void)state;
    const struct replied_line line = {.is_member = true,
                                      .owner = SELF,
                                      .is_same_term = false,
                                      .other_takes_part = true};
    struct fleet fleet;
    unsigned slot = slot_for(true);
    fleet_make(&fleet, slot, FLEET_MEMBER, FLEET_SLOT_OWN);
    reply_to(&fleet, &line);
    assert_true(seen.does_lose);
    assert_true(seen.does_gain);
    assert_int_equal(fleet.slot_states[slot], FLEET_SLOT_OWN);
    fleet_free(&fleet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_do_what_they_do_in_the_model),
        cmocka_unit_test(events_do_what_they_do_in_the_model),
        cmocka_unit_test(requests_are_those_of_the_model),
        cmocka_unit_test(
            what_was_handed_over_stays_drained_when_the_lease_ends),
        cmocka_unit_test(a_slot_that_another_host_had_is_lost_and_gained),
    };
    return cmocka_run_group_tests_name("model of a fleet", tests, NULL, NULL);
}
