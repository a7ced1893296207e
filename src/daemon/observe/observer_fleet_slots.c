/*
 * observer_fleet_slots.c - which slots have moved, and which have no owner.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/observer_fleet_private.h"

#define TEXT_SIZE 512
#define MOVES_MS 60000 /* slots that keep moving are reported so often */

/* A slot has another owner than before: was and is; NULL: nobody. */
static void note_move(struct observer_fleet *seen,
                      const struct observer_member *was,
                      struct observer_member *is, bool was_stopped)
{
    bool was_own = was != NULL && strcmp(was->host, seen->host) == 0;
    bool is_own = is != NULL && strcmp(is->host, seen->host) == 0;
    if (is_own && !was_own) {
        struct observer_member *from =
            was == NULL ? NULL : observer_fleet_find(seen, was->host);
        seen->counts.took_count++;
        *(from == NULL ? &seen->took_free_count : &from->took_count) += 1;
    } else if (was_own && !is_own) {
        seen->counts.handed_count++;
        if (is != NULL) {
            *(was_stopped ? &is->lost_count : &is->handed_count) += 1;
        }
    }
}

void observer_fleet_compare_slots(struct observer_fleet *seen,
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

size_t observer_fleet_moves(const struct observer_fleet *seen)
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
        observer_fleet_report(observer, host, event, line, now_ms);
        *count = 0;
    }
}

static void tell_moves(struct observer *observer, uint64_t now_ms)
{
    char text[FLEET_HOST_SIZE + 32];
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

void observer_fleet_settle(struct observer *observer, size_t before_count,
                           uint64_t now_ms)
{
    struct observer_fleet *seen = observer->fleet;
    size_t count = observer_fleet_moves(seen);
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

void observer_fleet_note_free(struct observer_fleet *seen, uint64_t now_ms)
{
    seen->free_count = 0;
    for (size_t i = 0; i < FLEET_SLOT_COUNT; i++) {
        uint16_t owner = seen->owners[i];
        bool is_free = owner == OBSERVER_NOBODY ||
                       !observer_member_is_alive(&seen->members[owner]);
        seen->free_count += is_free;
        if (!is_free || seen->free_ms[i] == 0) {
            seen->free_ms[i] = is_free ? now_ms : 0;
        }
    }
}
