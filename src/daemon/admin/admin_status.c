#include "daemon/admin/admin_status.h"

#include <unistd.h>

#include "base/boot_clock.h"
#include "base/wall_clock.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_ready.h"
#include "daemon/fleet/fleet_json.h"
#include "daemon/reload/reload_changes.h"

#define WAITING_COUNT_MAX 10 /* lines about what a reload has not finished */

/* What is known of all objects together. */
struct totals {
    size_t queues[ADMIN_HEALTH_COUNT];  /* by health */
    size_t servers[ADMIN_HEALTH_COUNT]; /* likewise */
    size_t outlets[ADMIN_HEALTH_COUNT]; /* likewise */
    size_t inboxes[ADMIN_HEALTH_COUNT]; /* likewise */
    uint64_t stored_count;              /* messages */
    uint64_t delivered_count;           /* messages */
    uint64_t dead_letter_count;         /* messages */
};

/* There are few of them. */
static void sum_outlets(struct totals *totals, const struct gather *gather)
{
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        struct forwarder_stats stats = {0};
        totals->outlets[admin_health_of_outlet(outlet)]++;
        if (outlet->forwarder != NULL) {
            forwarder_stats(outlet->forwarder, &stats);
        }
        totals->delivered_count += stats.delivered_count;
        totals->dead_letter_count += stats.dead_letter_count;
    }
}

static void sum_up(struct totals *totals, const struct gather *gather)
{
    const struct gather_inbox *inbox;
    size_t cursor = 0;
    *totals = (struct totals){0};
    admin_count_queues(gather, totals->queues);
    admin_count_servers(gather, totals->servers);
    totals->stored_count = gather->observer.sums.stored_count;
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        totals->inboxes[admin_health_of_inbox(inbox)]++;
    }
    sum_outlets(totals, gather);
}

static const char *phase_name(const struct gather *gather)
{
    switch (gather->phase) {
    case GATHER_OPENING:
    case GATHER_MOVING:
        return "opening";
    case GATHER_OPEN:
        return "open";
    case GATHER_DRAINING:
        return "draining";
    default:
        return "closing";
    }
}

static void on_wait(void *data, const char *line)
{
    json_text(data, NULL, line);
}

/* What a reload has not finished. */
static void write_waiting(struct json_writer *json,
                          const struct reload_changes *changes)
{
    size_t count = changes == NULL ? 0 : reload_changes_count(changes);
    json_count(json, "waiting_count", count);
    json_array(json, "waiting");
    if (count > 0) {
        reload_changes_tell(changes, WAITING_COUNT_MAX, on_wait, json);
    }
    json_array_end(json);
}

static void write_configuration(struct json_writer *json,
                                const struct gather *gather)
{
    const struct observer *observer = &gather->observer;
    bool was_reloaded = observer->generation > 1 || observer->reject_count > 0;
    json_object(json, "configuration");
    json_text(json, "path", gather->config->path);
    json_count(json, "generation", observer->generation);
    json_text(json, "digest",
              gather->digest[0] == '\0' ? NULL : gather->digest);
    json_time(json, "loaded_at", observer->reloaded_ms);
    json_count(json, "rejected_reloads_total", observer->reject_count);
    if (was_reloaded) {
        json_bool(json, "last_reload_ok", !observer->is_reload_failing);
    } else {
        json_null(json, "last_reload_ok");
    }
    write_waiting(json, gather->changes);
    json_object_end(json);
}

static void write_poller(struct json_writer *json, const struct gather *gather)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    if (gather->poller != NULL) {
        haplo_poller_get_stats(gather->poller, &stats);
    }
    json_object(json, "poller");
    json_count(json, "in_flight", stats.in_flight);
    json_count(json, "in_flight_max", gather->config->in_flight_max);
    json_count(json, "undelivered_bytes", stats.undelivered_bytes);
    json_count(json, "undelivered_bytes_max",
               gather->config->undelivered_bytes_max);
    json_count(json, "connections", stats.connection_count);
    json_object_end(json);
}

static void write_totals(struct json_writer *json, const struct gather *gather)
{
    struct totals totals;
    sum_up(&totals, gather);
    admin_write_counts(json, "queues", totals.queues);
    admin_write_counts(json, "servers", totals.servers);
    admin_write_counts(json, "outlets", totals.outlets);
    admin_write_counts(json, "inboxes", totals.inboxes);
    json_object(json, "totals");
    json_count(json, "stored_messages", totals.stored_count);
    json_count(json, "delivered_messages", totals.delivered_count);
    json_count(json, "dead_letters", totals.dead_letter_count);
    json_object_end(json);
}

void admin_write_status(struct json_writer *json, const struct admin *admin,
                        enum admin_role role)
{
    const struct gather *gather = admin->gather;
    uint64_t now_ms = wall_clock_ms();
    json_object(json, NULL);
    json_text(json, "version", haplo_version());
    json_count(json, "pid", (uint64_t)getpid());
    json_time(json, "started_at", admin->started_at_ms);
    json_time(json, "now", now_ms);
    json_seconds(json, "uptime_seconds",
                 now_ms > admin->started_at_ms ? now_ms - admin->started_at_ms
                                               : 0);
    json_text(json, "phase", phase_name(gather));
    json_bool(json, "ready", admin_is_ready(admin));
    json_text(json, "environment", gather->config->environment);
    json_text(json, "role", role == ADMIN_ROLE_FULL ? "full" : "read");
    write_configuration(json, gather);
    write_poller(json, gather);
    write_totals(json, gather);
    fleet_json(json, "fleet", gather->observer.fleet, boot_clock_ms(), now_ms);
    json_object_end(json);
}

void admin_get_status(struct admin_request *request)
{
    struct json_writer json = {0};
    admin_write_status(&json, request->admin, request->role);
    admin_reply_json(request, 200, &json);
}
