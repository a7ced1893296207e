#include "daemon/observe/observer_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_private.h"
#include "haplopoll.h"

#define TEXT_SIZE 512
#define MOVES_MS 60000   /* slots that keep moving are reported so often */
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

const char *observer_member_label(enum observer_member_state state)
{
    static const char *const labels[] = {OBSERVER_MEMBER_STATE_MAP(LABEL)};
    return labels[state];
}

/* Reports */

static void report(struct observer *observer, const char *host,
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
    report(observer, member->host, event, line, now_ms);
}

static struct observer_member *member_find(const struct observer_fleet *seen,
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
    report(observer, seen->host,
           is_failing ? OBSERVER_FLEET_UNRENEWED : OBSERVER_FLEET_STOPPED, line,
           note->now_ms);
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
    const struct observer_member *self = member_find(seen, seen->host);
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
        report(observer, seen->host, OBSERVER_FLEET_JOINED, line, now_ms);
    } else if (before == OBSERVER_HOST_FAILING ||
               before == OBSERVER_HOST_STOPPED) {
        (void)snprintf(line, sizeof line,
                       "fleet: this host renews its membership again after "
                       "%.0f s",
                       (double)(now_ms - failing_ms) / 1000);
        report(observer, seen->host, OBSERVER_FLEET_RENEWED, line, now_ms);
    }
}

/* Members */

static enum observer_member_state member_state(
    const struct fleet_member *member, size_t own_count)
{
    return member->left_ms > 0 ? (member->is_draining ? OBSERVER_MEMBER_DRAINING
                                                      : OBSERVER_MEMBER_ALIVE)
                               : (own_count > 0 ? OBSERVER_MEMBER_EXPIRED
                                                : OBSERVER_MEMBER_GONE);
}

static bool is_alive(const struct observer_member *member)
{
    return member->state == OBSERVER_MEMBER_ALIVE ||
           member->state == OBSERVER_MEMBER_DRAINING;
}

static void copy(char *to, size_t size, const char *from)
{
    (void)snprintf(to, size, "%s", from);
}

/* The members of the reply, without their slots. NULL if memory runs out. */
static struct observer_member *members_make(
    const struct fleet *fleet, const struct inbox_fleet_detail *details)
{
    struct observer_member *members =
        calloc(fleet->member_count + 1, sizeof *members);
    for (size_t i = 0; members != NULL && i < fleet->member_count; i++) {
        struct observer_member *member = &members[i];
        copy(member->host, sizeof member->host, fleet->members[i].host);
        member->term = fleet->members[i].term;
        member->weight = fleet->members[i].weight;
        if (details != NULL) {
            copy(member->version, sizeof member->version, details[i].version);
            copy(member->digest, sizeof member->digest, details[i].digest);
            member->joined_ms = details[i].joined_at_ms;
            member->renewed_ms = details[i].renewed_at_ms;
        }
    }
    return members;
}

static void count_slots(const struct fleet *fleet,
                        struct observer_member *members)
{
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        size_t owner = fleet->slots[i].owner;
        size_t desired = fleet->desired[i];
        if (owner < fleet->member_count) {
            members[owner].own_count++;
        }
        if (desired < fleet->member_count) {
            members[desired].desired_count++;
        }
    }
    for (size_t i = 0; i < fleet->member_count; i++) {
        members[i].state =
            member_state(&fleet->members[i], members[i].own_count);
    }
}

static void compare_digests(const struct fleet *fleet,
                            struct observer_member *members)
{
    const char *own =
        fleet->self < fleet->member_count ? members[fleet->self].digest : "";
    for (size_t i = 0; i < fleet->member_count; i++) {
        members[i].differs = is_alive(&members[i]) && own[0] != '\0' &&
                             members[i].digest[0] != '\0' &&
                             strcmp(members[i].digest, own) != 0;
    }
}

/* What has become of a host; was: NULL if it is new. */
static void tell_member(struct observer *observer,
                        const struct observer_member *was,
                        const struct observer_member *is, uint64_t now_ms)
{
    bool was_alive = was != NULL && is_alive(was);
    if (!was_alive && is_alive(is)) {
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

/* Slots */

/* A slot has another owner than before: was and is; NULL: nobody. */
static void note_move(struct observer_fleet *seen,
                      const struct observer_member *was,
                      struct observer_member *is, bool was_stopped)
{
    bool was_own = was != NULL && strcmp(was->host, seen->host) == 0;
    bool is_own = is != NULL && strcmp(is->host, seen->host) == 0;
    if (is_own && !was_own) {
        struct observer_member *from =
            was == NULL ? NULL : member_find(seen, was->host);
        seen->counts.took_count++;
        *(from == NULL ? &seen->took_free_count : &from->took_count) += 1;
    } else if (was_own && !is_own) {
        seen->counts.handed_count++;
        if (is != NULL) {
            *(was_stopped ? &is->lost_count : &is->handed_count) += 1;
        }
    }
}

/* Slots whose moves have not been reported yet. */
static size_t count_moves(const struct observer_fleet *seen)
{
    size_t count = seen->took_free_count;
    for (size_t i = 0; i < seen->member_count; i++) {
        const struct observer_member *member = &seen->members[i];
        count += member->took_count + member->handed_count + member->lost_count;
    }
    return count;
}

/* before, after: around the number of slots. Sets it to 0. */
static void tell_move(struct observer *observer, const char *host,
                      enum observer_fleet_event event, const char *before,
                      size_t *count, const char *after, uint64_t now_ms)
{
    char line[TEXT_SIZE];
    if (*count > 0) {
        (void)snprintf(line, sizeof line, "fleet: %s %zu slot%s %s", before,
                       *count, *count == 1 ? "" : "s", after);
        report(observer, host, event, line, now_ms);
        *count = 0;
    }
}

static void tell_moves(struct observer *observer, uint64_t now_ms)
{
    char text[TEXT_SIZE];
    struct observer_fleet *seen = observer->fleet;
    tell_move(observer, seen->host, OBSERVER_FLEET_TOOK, "took over",
              &seen->took_free_count, "that nobody had", now_ms);
    for (size_t i = 0; i < seen->member_count; i++) {
        struct observer_member *member = &seen->members[i];
        (void)snprintf(text, sizeof text, "of host %s", member->host);
        tell_move(observer, member->host, OBSERVER_FLEET_TOOK, "took over",
                  &member->took_count, text, now_ms);
        (void)snprintf(text, sizeof text, "to host %s", member->host);
        tell_move(observer, member->host, OBSERVER_FLEET_HANDED, "handed over",
                  &member->handed_count, text, now_ms);
        (void)snprintf(text, sizeof text, "host %s has taken over",
                       member->host);
        tell_move(observer, member->host, OBSERVER_FLEET_LOST, text,
                  &member->lost_count, "of this host", now_ms);
    }
    seen->moved_ms = 0;
}

/* Reports moves that have ended, or have gone on for a while. before_count:
 * those that the reply before had not settled. */
static void settle_moves(struct observer *observer, size_t before_count,
                         uint64_t now_ms)
{
    struct observer_fleet *seen = observer->fleet;
    size_t count = count_moves(seen);
    if (count == 0) {
        return;
    }
    if (seen->moved_ms == 0) {
        seen->moved_ms = now_ms;
    }
    if (count == before_count || now_ms >= seen->moved_ms + MOVES_MS) {
        tell_moves(observer, now_ms);
    }
}

static void note_free(struct observer_fleet *seen, uint64_t now_ms)
{
    seen->free_count = 0;
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        uint16_t owner = seen->owners[i];
        bool is_free =
            owner == OBSERVER_NOBODY || !is_alive(&seen->members[owner]);
        seen->free_count += is_free;
        if (!is_free || seen->free_ms[i] == 0) {
            seen->free_ms[i] = is_free ? now_ms : 0;
        }
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
    report(observer, first->host, OBSERVER_FLEET_DIFFERS, line, now_ms);
}

static void note_differences(struct observer *observer, uint64_t now_ms)
{
    size_t count;
    struct observer_fleet *seen = observer->fleet;
    const struct observer_member *first = first_different(seen, &count);
    if (first == NULL) {
        if (seen->is_difference_told) {
            report(observer, seen->host, OBSERVER_FLEET_AGREES,
                   "fleet: all hosts have the same configuration again",
                   now_ms);
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
        const struct observer_member *was = member_find(before, is->host);
        if (was != NULL) {
            is->took_count = was->took_count;
            is->handed_count = was->handed_count;
            is->lost_count = was->lost_count;
        }
        seen->alive_count += is_alive(is);
        if (before->replied_ms != 0 && strcmp(is->host, seen->host) != 0) {
            tell_member(observer, was, is, now_ms);
        }
    }
}

static void compare_slots(struct observer_fleet *seen,
                          const struct observer_fleet *before)
{
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        size_t owner = seen->fleet->slots[i].owner;
        bool has_owner = owner < seen->member_count;
        if (before->replied_ms != 0) {
            note_move(seen,
                      before->owners[i] == OBSERVER_NOBODY
                          ? NULL
                          : &before->members[before->owners[i]],
                      has_owner ? &seen->members[owner] : NULL,
                      before->state == OBSERVER_HOST_STOPPED);
        }
        seen->owners[i] = has_owner ? (uint16_t)owner : OBSERVER_NOBODY;
    }
}

/* If memory runs out, what was known before stays. */
static void take_view(struct observer *observer,
                      const struct observer_fleet_note *note)
{
    struct observer_fleet *seen = observer->fleet;
    const struct observer_fleet before = *seen;
    struct observer_member *members = members_make(
        seen->fleet,
        note->detail_count == seen->fleet->member_count ? note->details : NULL);
    if (members == NULL) {
        return;
    }
    count_slots(seen->fleet, members);
    compare_digests(seen->fleet, members);
    seen->members = members;
    seen->member_count = seen->fleet->member_count;
    compare_members(observer, &before, note->now_ms);
    compare_slots(seen, &before);
    note_free(seen, note->now_ms);
    settle_moves(observer, count_moves(&before), note->now_ms);
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
    copy(seen->host, sizeof seen->host, host);
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
