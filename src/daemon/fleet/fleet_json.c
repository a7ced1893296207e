#include "daemon/fleet/fleet_json.h"

#include <string.h>

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static void write_host(struct json_writer *json,
                       const struct observer_member *member, const char *self)
{
    json_object(json, NULL);
    json_text(json, "name", member->host);
    json_bool(json, "self", self != NULL && strcmp(member->host, self) == 0);
    json_text(json, "state", observer_member_label(member->state));
    json_text(json, "state_text", observer_member_text(member->state));
    json_count(json, "weight", member->weight);
    json_count(json, "slots", member->own_count);
    json_count(json, "desired_slots", member->desired_count);
    json_text(json, "version", text_or_null(member->version));
    json_text(json, "digest", text_or_null(member->digest));
    json_bool(json, "configuration_differs", member->differs);
    json_time(json, "joined_at", member->joined_ms);
    json_time(json, "renewed_at", member->renewed_ms);
    json_object_end(json);
}

void fleet_json_hosts(struct json_writer *json, const char *name,
                      const struct observer_member *members, size_t count,
                      const char *self)
{
    json_array(json, name);
    for (size_t i = 0; i < count; i++) {
        write_host(json, &members[i], self);
    }
    json_array_end(json);
}

static void write_slots(struct json_writer *json,
                        const struct observer_fleet *fleet)
{
    json_object(json, "slots");
    json_count(json, "total", FLEET_SLOT_COUNT);
    json_count(json, "own", observer_fleet_slots(fleet, FLEET_SLOT_OWN));
    json_count(json, "draining",
               observer_fleet_slots(fleet, FLEET_SLOT_DRAINING));
    json_count(json, "drained",
               observer_fleet_slots(fleet, FLEET_SLOT_DRAINED));
    json_count(json, "without_owner", fleet->free_count);
    json_time(json, "without_owner_since", observer_fleet_free_since(fleet));
    json_count(json, "taken_over_total", fleet->counts.took_count);
    json_count(json, "handed_over_total", fleet->counts.handed_count);
    json_object_end(json);
}

/* When this host stops polling, if it cannot renew its membership before. */
static uint64_t stops_ms(const struct observer_fleet *fleet, uint64_t clock_ms,
                         uint64_t now_ms)
{
    uint64_t deadline_ms = fleet->fleet->deadline_ms;
    return fleet->failing_ms == 0 || deadline_ms <= clock_ms
               ? 0
               : now_ms + (deadline_ms - clock_ms);
}

static bool has_differences(const struct observer_fleet *fleet)
{
    return fleet->differs_ms != 0;
}

void fleet_json(struct json_writer *json, const char *name,
                const struct observer_fleet *fleet, uint64_t clock_ms,
                uint64_t now_ms)
{
    if (fleet == NULL) {
        json_null(json, name);
        return;
    }
    json_object(json, name);
    json_text(json, "host", fleet->host);
    json_text(json, "state", observer_fleet_label(fleet->state));
    json_text(json, "state_text", observer_fleet_text(fleet->state));
    json_time(json, "since", fleet->since_ms);
    json_text(json, "cause", text_or_null(fleet->why));
    json_time(json, "failing_since", fleet->failing_ms);
    json_time(json, "stops_polling_at", stops_ms(fleet, clock_ms, now_ms));
    json_time(json, "renewed_at", fleet->replied_ms);
    json_count(json, "renewals_total", fleet->counts.reply_count);
    json_count(json, "failed_renewals_total", fleet->counts.failure_count);
    json_bool(json, "configurations_differ", has_differences(fleet));
    write_slots(json, fleet);
    fleet_json_hosts(json, "hosts", fleet->members, fleet->member_count,
                     fleet->host);
    json_object_end(json);
}
