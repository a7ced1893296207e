/*
 * metrics_fleet.c - metrics of a process in a fleet. Those of one that is in
 * none have no samples.
 */
#include "base/boot_clock.h"
#include "daemon/admin/metrics.h"
#include "daemon/observe/observer_fleet.h"

#define WRITE(name)                                               \
    static void name##_put(struct metric_writer *w,               \
                           const struct observer_fleet *seen);    \
    static void name(struct metric_writer *w, const void *object) \
    {                                                             \
        const struct gather *gather = object;                     \
        if (gather->observer.fleet != NULL) {                     \
            name##_put(w, gather->observer.fleet);                \
        }                                                         \
    }                                                             \
    static void name##_put(struct metric_writer *w,               \
                           const struct observer_fleet *seen)

WRITE(members)
{
    for (int i = 0; i < OBSERVER_MEMBER_STATE_COUNT; i++) {
        size_t count = 0;
        for (size_t j = 0; j < seen->member_count; j++) {
            count += (int)seen->members[j].state == i;
        }
        metric_put_label(w, "state",
                         observer_member_label((enum observer_member_state)i),
                         (double)count);
    }
}

WRITE(state)
{
    for (int i = 0; i < OBSERVER_HOST_STATE_COUNT; i++) {
        metric_put_label(w, "state",
                         observer_fleet_label((enum observer_fleet_state)i),
                         (int)seen->state == i);
    }
}

WRITE(slots)
{
    static const char *const labels[] = {
        [FLEET_SLOT_ELSEWHERE] = "elsewhere",
        [FLEET_SLOT_OWN] = "own",
        [FLEET_SLOT_DRAINING] = "draining",
        [FLEET_SLOT_DRAINED] = "drained",
    };
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        metric_put_label(
            w, "state", labels[i],
            (double)observer_fleet_slots(seen, (enum fleet_slot_state)i));
    }
}

WRITE(slots_without_owner)
{
    metric_put(w, (double)seen->free_count);
}

WRITE(last_success_time)
{
    metric_put_time(w, seen->replied_ms);
}

WRITE(heartbeats)
{
    metric_put_count(w, seen->counts.reply_count + seen->counts.failure_count);
}

WRITE(heartbeat_failures)
{
    metric_put_count(w, seen->counts.failure_count);
}

/* 0 from the moment on that it begins nothing more. */
WRITE(deadline)
{
    uint64_t now_ms = boot_clock_ms();
    uint64_t deadline_ms = seen->fleet->deadline_ms;
    metric_put(w, deadline_ms > now_ms ? (double)(deadline_ms - now_ms) / 1000
                                       : 0);
}

WRITE(moves)
{
    metric_put_label(w, "direction", "in", (double)seen->counts.took_count);
    metric_put_label(w, "direction", "out", (double)seen->counts.handed_count);
}

WRITE(config_mismatch)
{
    metric_put(w, seen->differs_ms != 0);
}

#define G METRIC_GAUGE
#define C METRIC_COUNTER
#define PROCESS METRIC_PROCESS, ""

const struct metric metrics_of_fleet[] = {
    {"fleet_members", G, METRIC_PROCESS, "state",
     "Hosts of the fleet, by their state", members},
    {"fleet_state", G, METRIC_PROCESS, "state",
     "1 for the state that this host is in, otherwise 0", state},
    {"fleet_slots", G, METRIC_PROCESS, "state",
     "Slots, by what they are to this host", slots},
    {"fleet_slots_without_owner", G, PROCESS,
     "Slots that no host has which is alive, of the whole fleet",
     slots_without_owner},
    {"fleet_last_success_timestamp_seconds", G, PROCESS,
     "When the database last responded to a heartbeat, Unix time",
     last_success_time},
    {"fleet_deadline_seconds", G, PROCESS,
     "Until this host stops polling, unless it renews its membership; 0 since "
     "then",
     deadline},
    {"fleet_heartbeats", C, PROCESS, "Heartbeats, with those that failed",
     heartbeats},
    {"fleet_heartbeat_failures", C, PROCESS,
     "Heartbeats to which the database did not respond", heartbeat_failures},
    {"fleet_moves", C, METRIC_PROCESS, "direction",
     "Slots that came to this host, and went to others", moves},
    {"fleet_config_mismatch", G, PROCESS,
     "1 while a host that is alive has another configuration", config_mismatch},
};

const size_t metrics_of_fleet_count =
    sizeof metrics_of_fleet / sizeof metrics_of_fleet[0];
