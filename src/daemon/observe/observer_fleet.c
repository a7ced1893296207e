#include "daemon/observe/observer_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_fleet_private.h"
#include "daemon/observe/observer_private.h"
#include "haplopoll.h"

#define TEXT_SIZE 512
#define DIFFERS_MS 60000 /* changing a file on all hosts takes a while */
#define FAILURES_MIN 2   /* one may fail: the next is sent soon */
#define REMIND_MS 3600000

/* Labels and texts */

#define LABEL(name, label, text) label,
#define TEXT(name, label, text) text,

static const char *const event_labels[] = {OBSERVER_FLEET_EVENT_MAP(LABEL)};

bool observer_fleet_is_trouble(const char *label)
{
    static const bool are_trouble[] = {OBSERVER_FLEET_EVENT_MAP(TEXT)};
    for (size_t i = 0; i < OBSERVER_FLEET_EVENT_COUNT; i++) {
        if (strcmp(event_labels[i], label) == 0) {
            return are_trouble[i];
        }
    }
    return false;
}

const char *observer_fleet_label(enum observer_fleet_state state)
{
    static const char *const labels[] = {OBSERVER_FLEET_STATE_MAP(LABEL)};
    return labels[state];
}

const char *observer_fleet_text(enum observer_fleet_state state)
{
    static const char *const texts[] = {OBSERVER_FLEET_STATE_MAP(TEXT)};
    return texts[state];
}

/* Reports */

void observer_fleet_report(struct observer *observer, const char *host,
                           enum observer_fleet_event event, const char *text,
                           uint64_t now_ms)
{
    observer_report(observer, &(struct transition){
                                  .at_ms = now_ms,
                                  .kind = TRANSITION_FLEET,
                                  .from = event_labels[event],
                                  .to = event_labels[event],
                                  .name = host,
                                  .text = text,
                              });
}

static void report_host(struct observer *observer,
                        const struct observer_member *member,
                        enum observer_fleet_event event, const char *text,
                        uint64_t now_ms)
{
    char line[TEXT_SIZE];
    (void)snprintf(line, sizeof line, "fleet: host %s %s", member->host, text);
    observer_fleet_report(observer, member->host, event, line, now_ms);
}

struct observer_member *observer_fleet_find(const struct observer_fleet *seen,
                                            const char *host)
{
    for (size_t i = 0; i < seen->member_count; i++) {
        if (strcmp(seen->members[i].host, host) == 0) {
            return &seen->members[i];
        }
    }
    return NULL;
}

/* The own membership */

static void enter(struct observer_fleet *fleet, enum observer_fleet_state state,
                  uint64_t now_ms)
{
    if (fleet->state != state) {
        fleet->state = state;
        fleet->since_ms = now_ms;
    }
}

static enum observer_fleet_state state_of(const struct observer_fleet *seen,
                                          uint64_t clock_ms)
{
    const struct fleet *fleet = seen->fleet;
    return fleet->state == FLEET_LEAVING || fleet->state == FLEET_LEFT
               ? OBSERVER_HOST_LEAVING
           : fleet->state == FLEET_OUTSIDE     ? OBSERVER_HOST_OUTSIDE
           : !fleet_may_begin(fleet, clock_ms) ? OBSERVER_HOST_STOPPED
           : seen->failures >= FAILURES_MIN    ? OBSERVER_HOST_FAILING
                                               : OBSERVER_HOST_MEMBER;
}

static void tell_failing(struct observer *observer,
                         const struct observer_fleet_note *note)
{
    char line[TEXT_SIZE];
    struct observer_fleet *seen = observer->fleet;
    bool is_failing = seen->state == OBSERVER_HOST_FAILING;
    if (is_failing) {
        (void)snprintf(
            line, sizeof line,
            "fleet: this host cannot renew its membership, and stops polling "
            "in %.0f s: %s",
            (double)(seen->fleet->deadline_ms - note->clock_ms) / 1000,
            note->why);
    } else if (seen->state == OBSERVER_HOST_OUTSIDE) {
        (void)snprintf(line, sizeof line,
                       "fleet: this host cannot join, and polls nothing: %s",
                       note->why);
    } else {
        (void)snprintf(
            line, sizeof line,
            "fleet: this host polls nothing, as it has not been able to renew "
            "its membership for %.0f s: %s",
            (double)(note->now_ms - seen->failing_ms) / 1000, note->why);
    }
    seen->told_ms = note->now_ms;
    observer_fleet_report(observer, seen->host,
                          is_failing ? OBSERVER_FLEET_UNRENEWED
                                     : OBSERVER_FLEET_STOPPED,
                          line, note->now_ms);
}

/* What differs from the failure before is worth a line: another consequence,
 * or, while there is no membership to lose, another reason. */
static void note_failure(struct observer *observer,
                         const struct observer_fleet_note *note)
{
    struct observer_fleet *seen = observer->fleet;
    enum observer_fleet_state before = seen->state;
    bool is_other = seen->why == NULL || strcmp(seen->why, note->why) != 0;
    seen->counts.failure_count++;
    seen->failures++;
    if (seen->failures == 1) {
        seen->failing_ms = note->now_ms;
    }
    observer_set_text(&seen->why, note->why);
    enter(seen, state_of(seen, note->clock_ms), note->now_ms);
    bool is_trouble = seen->state != OBSERVER_HOST_MEMBER &&
                      seen->state != OBSERVER_HOST_LEAVING;
    if (is_trouble &&
        (seen->state != before || note->now_ms >= seen->told_ms + REMIND_MS ||
         (seen->state == OBSERVER_HOST_OUTSIDE && is_other))) {
        tell_failing(observer, note);
    }
}

/* By the tables. */
static size_t own_count(const struct observer_fleet *seen)
{
    const struct observer_member *self = observer_fleet_find(seen, seen->host);
    return self == NULL ? 0 : self->own_count;
}

static void tell_own(struct observer *observer,
                     enum observer_fleet_state before, uint64_t failing_ms,
                     uint64_t now_ms)
{
    char line[TEXT_SIZE];
    const struct observer_fleet *seen = observer->fleet;
    if (seen->state != OBSERVER_HOST_MEMBER) {
        return;
    }
    if (before == OBSERVER_HOST_OUTSIDE) {
        (void)snprintf(line, sizeof line,
                       "fleet: joined as host %s; hosts: %zu, own slots: %zu",
                       seen->host, seen->alive_count, own_count(seen));
        observer_fleet_report(observer, seen->host, OBSERVER_FLEET_JOINED, line,
                              now_ms);
    } else if (before == OBSERVER_HOST_FAILING ||
               before == OBSERVER_HOST_STOPPED) {
        (void)snprintf(line, sizeof line,
                       "fleet: this host renews its membership again after "
                       "%.0f s",
                       (double)(now_ms - failing_ms) / 1000);
        observer_fleet_report(observer, seen->host, OBSERVER_FLEET_RENEWED,
                              line, now_ms);
    }
}

/* Members */

/* What has become of a host; was: NULL if it is new. */
static void tell_member(struct observer *observer,
                        const struct observer_member *was,
                        const struct observer_member *is, uint64_t now_ms)
{
    bool was_alive = was != NULL && observer_member_is_alive(was);
    if (!was_alive && observer_member_is_alive(is)) {
        report_host(observer, is, OBSERVER_FLEET_JOINED, "has joined", now_ms);
    } else if (was_alive && is->state == OBSERVER_MEMBER_EXPIRED) {
        char text[TEXT_SIZE];
        (void)snprintf(text, sizeof text,
                       "is not heard of any more: others take over its slots "
                       "(%zu)",
                       is->own_count);
        report_host(observer, is, OBSERVER_FLEET_EXPIRED, text, now_ms);
    } else if (was_alive && is->state == OBSERVER_MEMBER_GONE) {
        report_host(observer, is, OBSERVER_FLEET_LEFT, "has left", now_ms);
    }
    bool was_draining = was != NULL && was->state == OBSERVER_MEMBER_DRAINING;
    bool is_draining = is->state == OBSERVER_MEMBER_DRAINING;
    if (is_draining && !was_draining) {
        report_host(observer, is, OBSERVER_FLEET_DRAINING,
                    "is being drained: it hands over all of its slots", now_ms);
    } else if (was_draining && is->state == OBSERVER_MEMBER_ALIVE) {
        report_host(observer, is, OBSERVER_FLEET_UNDRAINED,
                    "is not being drained any more", now_ms);
    }
}

/* Configurations */

/* The first host with another configuration, and the number of them. */
static const struct observer_member *first_different(
    const struct observer_fleet *seen, size_t *count)
{
    const struct observer_member *first = NULL;
    *count = 0;
    for (size_t i = seen->member_count; i > 0; i--) {
        if (seen->members[i - 1].differs) {
            first = &seen->members[i - 1];
            *count += 1;
        }
    }
    return first;
}

static void tell_difference(struct observer *observer,
                            const struct observer_member *first, size_t count,
                            uint64_t now_ms)
{
    char line[TEXT_SIZE];
    char more[64] = "";
    if (count > 1) {
        (void)snprintf(more, sizeof more, " and %zu more hosts", count - 1);
    }
    (void)snprintf(line, sizeof line,
                   "fleet: host %s%s: another configuration than this host "
                   "has: give all hosts the same file, and reload",
                   first->host, more);
    observer_fleet_report(observer, first->host, OBSERVER_FLEET_DIFFERS, line,
                          now_ms);
}

static void note_differences(struct observer *observer, uint64_t now_ms)
{
    size_t count;
    struct observer_fleet *seen = observer->fleet;
    const struct observer_member *first = first_different(seen, &count);
    if (first == NULL) {
        if (seen->is_difference_told) {
            observer_fleet_report(
                observer, seen->host, OBSERVER_FLEET_AGREES,
                "fleet: all hosts have the same configuration again", now_ms);
        }
        seen->is_difference_told = false;
        seen->differs_ms = 0;
        return;
    }
    seen->differs_ms = seen->differs_ms == 0 ? now_ms : seen->differs_ms;
    if (!seen->is_difference_told && now_ms >= seen->differs_ms + DIFFERS_MS) {
        seen->is_difference_told = true;
        tell_difference(observer, first, count, now_ms);
    }
}

/* Replies */

/* Compares the members with those before, whose moves go on. */
static void compare_members(struct observer *observer,
                            const struct observer_fleet *before,
                            uint64_t now_ms)
{
    struct observer_fleet *seen = observer->fleet;
    seen->alive_count = 0;
    for (size_t i = 0; i < seen->member_count; i++) {
        struct observer_member *is = &seen->members[i];
        const struct observer_member *was =
            observer_fleet_find(before, is->host);
        if (was != NULL) {
            is->took_count = was->took_count;
            is->handed_count = was->handed_count;
            is->lost_count = was->lost_count;
        }
        seen->alive_count += observer_member_is_alive(is);
        if (before->replied_ms != 0 && strcmp(is->host, seen->host) != 0) {
            tell_member(observer, was, is, now_ms);
        }
    }
}

/* As the tables have it, like those of the others. NULL: not known. */
static const char *own_digest(const struct fleet *fleet,
                              const struct observer_fleet_note *note)
{
    return fleet->self < fleet->member_count &&
                   note->detail_count == fleet->member_count &&
                   note->details != NULL
               ? note->details[fleet->self].digest
               : NULL;
}

/* If memory runs out, what was known before stays. */
static void take_view(struct observer *observer,
                      const struct observer_fleet_note *note)
{
    struct observer_fleet *seen = observer->fleet;
    const struct observer_fleet before = *seen;
    const struct fleet *fleet = seen->fleet;
    const struct observer_tables tables = {
        .members = fleet->members,
        .details =
            note->detail_count == fleet->member_count ? note->details : NULL,
        .member_count = fleet->member_count,
        .slots = fleet->slots,
        .desired = fleet->desired,
        .digest = own_digest(fleet, note),
    };
    struct observer_member *members = observer_members_make(&tables);
    if (members == NULL) {
        return;
    }
    seen->members = members;
    seen->member_count = fleet->member_count;
    compare_members(observer, &before, note->now_ms);
    observer_fleet_compare_slots(seen, &before);
    observer_fleet_note_free(seen, note->now_ms);
    observer_fleet_settle(observer, observer_fleet_moves(&before),
                          note->now_ms);
    note_differences(observer, note->now_ms);
    free(before.members);
}

static void note_reply(struct observer *observer,
                       const struct observer_fleet_note *note)
{
    struct observer_fleet *seen = observer->fleet;
    enum observer_fleet_state before = seen->state;
    uint64_t failing_ms = seen->failing_ms;
    seen->counts.reply_count++;
    seen->failures = 0;
    seen->failing_ms = 0;
    observer_set_text(&seen->why, NULL);
    take_view(observer, note);
    seen->replied_ms = note->now_ms;
    enter(seen, state_of(seen, note->clock_ms), note->now_ms);
    tell_own(observer, before, failing_ms, note->now_ms);
}

void observer_fleet_note(struct observer *observer,
                         const struct observer_fleet_note *note)
{
    if (observer->fleet == NULL) {
        return;
    }
    if (note->why == NULL) {
        note_reply(observer, note);
    } else {
        note_failure(observer, note);
    }
}

/* The whole */

int observer_fleet_add(struct observer *observer, const struct fleet *fleet,
                       const char *host, uint64_t now_ms)
{
    struct observer_fleet *seen = calloc(1, sizeof *seen);
    if (seen == NULL) {
        return HAPLO_ENOMEM;
    }
    seen->fleet = fleet;
    seen->since_ms = now_ms;
    (void)snprintf(seen->host, sizeof seen->host, "%s", host);
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        seen->owners[i] = OBSERVER_NOBODY;
    }
    observer->fleet = seen;
    return 0;
}

void observer_fleet_free(struct observer *observer)
{
    if (observer->fleet != NULL) {
        free(observer->fleet->why);
        free(observer->fleet->members);
        free(observer->fleet);
        observer->fleet = NULL;
    }
}

const char *observer_fleet_owner(const struct observer *observer,
                                 const char *server)
{
    const struct observer_fleet *seen = observer->fleet;
    if (seen == NULL) {
        return NULL;
    }
    uint16_t owner = seen->owners[placement_slot(server)];
    return owner == OBSERVER_NOBODY ? NULL : seen->members[owner].host;
}

uint64_t observer_fleet_free_since(const struct observer_fleet *seen)
{
    uint64_t first_ms = 0;
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        uint64_t free_ms = seen->free_ms[i];
        if (free_ms != 0 && (first_ms == 0 || free_ms < first_ms)) {
            first_ms = free_ms;
        }
    }
    return first_ms;
}

size_t observer_fleet_slots(const struct observer_fleet *seen,
                            enum fleet_slot_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        count += seen->fleet->slot_states[i] == state;
    }
    return count;
}
