#include "daemon/admin/admin_object.h"

#include <string.h>

#include "base/wall_clock.h"
#include "config/config.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/observe/observer_feed.h"
#include "daemon/observe/observer_fleet.h"

#define TRANSITION_COUNT_MAX 20 /* of one object, in a response */

/* Health */

const char *admin_health_name(enum admin_health health)
{
    static const char *const names[ADMIN_HEALTH_COUNT] = {
        [ADMIN_HEALTH_OK] = "ok",
        [ADMIN_HEALTH_PAUSED] = "paused",
        [ADMIN_HEALTH_FAILING] = "failing",
        [ADMIN_HEALTH_REFUSED] = "refused",
        [ADMIN_HEALTH_BLOCKED] = "blocked",
        [ADMIN_HEALTH_HELD] = "held",
        [ADMIN_HEALTH_NOT_TRIED] = "not_tried",
        [ADMIN_HEALTH_ELSEWHERE] = "elsewhere",
    };
    return names[health];
}

static const enum admin_health of_queue_state[OBSERVER_QUEUE_STATE_COUNT] = {
    [OBSERVER_QUEUE_STARTING] = ADMIN_HEALTH_OK,
    [OBSERVER_QUEUE_WORKING] = ADMIN_HEALTH_OK,
    [OBSERVER_QUEUE_FAILING] = ADMIN_HEALTH_FAILING,
    [OBSERVER_QUEUE_UNDELIVERED] = ADMIN_HEALTH_FAILING,
    [OBSERVER_QUEUE_REFUSED] = ADMIN_HEALTH_REFUSED,
    [OBSERVER_QUEUE_BLOCKED] = ADMIN_HEALTH_BLOCKED,
    [OBSERVER_QUEUE_PAUSED] = ADMIN_HEALTH_PAUSED,
    [OBSERVER_QUEUE_HELD] = ADMIN_HEALTH_HELD,
    [OBSERVER_QUEUE_ELSEWHERE] = ADMIN_HEALTH_ELSEWHERE,
};

static const enum admin_health of_server_state[OBSERVER_SERVER_STATE_COUNT] = {
    [OBSERVER_SERVER_UP] = ADMIN_HEALTH_OK,
    [OBSERVER_SERVER_DOWN] = ADMIN_HEALTH_FAILING,
    [OBSERVER_SERVER_SILENT] = ADMIN_HEALTH_FAILING,
    [OBSERVER_SERVER_HELD] = ADMIN_HEALTH_HELD,
    [OBSERVER_SERVER_ELSEWHERE] = ADMIN_HEALTH_ELSEWHERE,
};

/* Nothing is known to be wrong with a queue that is not polled now, because its
 * server does not work; but nor does the queue. */
enum admin_health admin_health_of_queue(const struct gather_queue *queue)
{
    enum admin_health health = of_queue_state[queue->seen.state];
    return health == ADMIN_HEALTH_ELSEWHERE ? health
           : queue->queue == NULL           ? ADMIN_HEALTH_HELD
           : health == ADMIN_HEALTH_OK &&
                   queue->server->seen.state != OBSERVER_SERVER_UP
               ? ADMIN_HEALTH_NOT_TRIED
               : health;
}

enum admin_health admin_health_of_server(const struct gather_server *server)
{
    return !gather_slots_own(server) ? ADMIN_HEALTH_ELSEWHERE
           : server->server == NULL  ? ADMIN_HEALTH_HELD
                                     : of_server_state[server->seen.state];
}

enum admin_health admin_health_of_outlet(const struct gather_outlet *outlet)
{
    switch (outlet->seen.state) {
    case OBSERVER_OUTLET_WAITING:
    case OBSERVER_OUTLET_BROKEN:
        return ADMIN_HEALTH_FAILING;
    case OBSERVER_OUTLET_BLOCKED:
        return ADMIN_HEALTH_BLOCKED;
    default:
        break;
    }
    struct forwarder_stats stats = {0};
    if (outlet->forwarder == NULL) {
        return ADMIN_HEALTH_HELD;
    }
    forwarder_stats(outlet->forwarder, &stats);
    return stats.blocked_lane_count > 0   ? ADMIN_HEALTH_BLOCKED
           : stats.waiting_lane_count > 0 ? ADMIN_HEALTH_FAILING
                                          : ADMIN_HEALTH_OK;
}

enum admin_health admin_health_of_inbox(const struct gather_inbox *inbox)
{
    return inbox->inbox == NULL || inbox->seen.state == OBSERVER_INBOX_FAILING
               ? ADMIN_HEALTH_FAILING
           : inbox->seen.state == OBSERVER_INBOX_SHORT ? ADMIN_HEALTH_PAUSED
                                                       : ADMIN_HEALTH_OK;
}

void admin_write_counts(struct json_writer *json, const char *name,
                        const size_t counts[ADMIN_HEALTH_COUNT])
{
    size_t total = 0;
    for (int i = 0; i < ADMIN_HEALTH_COUNT; i++) {
        total += counts[i];
    }
    json_object(json, name);
    json_count(json, "total", total);
    for (int i = 0; i < ADMIN_HEALTH_COUNT; i++) {
        json_count(json, admin_health_name((enum admin_health)i), counts[i]);
    }
    json_object_end(json);
}

static void count_queues(const struct observer_sums *sums, size_t untried_count,
                         size_t counts[ADMIN_HEALTH_COUNT])
{
    memset(counts, 0, ADMIN_HEALTH_COUNT * sizeof counts[0]);
    for (int i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        counts[of_queue_state[i]] += sums->queue_counts[i];
    }
    counts[ADMIN_HEALTH_OK] -= untried_count;
    counts[ADMIN_HEALTH_NOT_TRIED] = untried_count;
}

void admin_count_queues_of(const struct gather_server *server,
                           size_t counts[ADMIN_HEALTH_COUNT])
{
    count_queues(&server->seen.sums, observer_untried_count(&server->seen),
                 counts);
}

void admin_count_queues(const struct gather *gather,
                        size_t counts[ADMIN_HEALTH_COUNT])
{
    count_queues(&gather->observer.sums, gather->observer.untried_count,
                 counts);
    counts[ADMIN_HEALTH_HELD] += gather->config->held_count;
}

void admin_count_servers(const struct gather *gather,
                         size_t counts[ADMIN_HEALTH_COUNT])
{
    memset(counts, 0, ADMIN_HEALTH_COUNT * sizeof counts[0]);
    for (int i = 0; i < OBSERVER_SERVER_STATE_COUNT; i++) {
        counts[of_server_state[i]] += gather->observer.server_counts[i];
    }
}

/* Parts */

void admin_write_time_at(struct json_writer *json, const char *name,
                         uint64_t wait_ms)
{
    json_time(json, name, wait_ms == 0 ? 0 : wall_clock_ms() + wait_ms);
}

static const char *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static void write_error(struct json_writer *json, int error)
{
    json_text(json, "error", error == 0 ? NULL : haplo_error_name(error));
}

static void write_transition(struct json_writer *json,
                             const struct transition *transition)
{
    json_object(json, NULL);
    json_time(json, "at", transition->at_ms);
    json_text(json, "from", transition->from);
    json_text(json, "to", transition->to);
    write_error(json, transition->error);
    json_text(json, "cause", text_or_null(transition->text));
    json_count(json, "failures", transition->failures);
    if (transition->delay_ms == 0) {
        json_null(json, "next_seconds");
    } else {
        json_seconds(json, "next_seconds", transition->delay_ms);
    }
    json_object_end(json);
}

void admin_write_transitions(struct json_writer *json,
                             const struct gather *gather, uint64_t newest_id)
{
    const struct transition *found[TRANSITION_COUNT_MAX];
    const struct transition *transition =
        history_find(&gather->observer.history, newest_id);
    size_t count = 0;
    while (transition != NULL && count < TRANSITION_COUNT_MAX) {
        found[count++] = transition;
        transition =
            history_find(&gather->observer.history, transition->previous_id);
    }
    json_array(json, "transitions");
    while (count > 0) {
        write_transition(json, found[--count]);
    }
    json_array_end(json);
}

/* Server */

static void write_server_stats(struct json_writer *json,
                               const struct haplo_server_stats *stats)
{
    admin_write_time_at(json, "next_at", stats->wait_ms);
    json_count(json, "in_flight", stats->in_flight);
    json_count(json, "failed_logins", stats->failed_logins);
    json_bool(json, "logins_held", stats->logins_held);
    json_count(json, "requests_total", stats->request_count);
    json_count(json, "failed_logins_total", stats->failed_login_count);
    json_count(json, "throttles_total", stats->throttle_count);
    json_time(json, "certificate_expires_at", stats->certificate_expires_ms);
    json_time(json, "ca_certificate_expires_at",
              stats->ca_certificate_expires_ms);
    json_time(json, "client_certificate_expires_at",
              stats->client_certificate_expires_ms);
}

/* What the poller does not know, or it does. */
static void write_server_state(struct json_writer *json,
                               const struct gather_server *server,
                               const struct haplo_server_stats *stats)
{
    bool is_elsewhere =
        admin_health_of_server(server) == ADMIN_HEALTH_ELSEWHERE;
    if (server->server != NULL) {
        json_text(json, "state", haplo_server_state_name(stats->state));
        json_text(json, "state_text", haplo_server_state_text(stats->state));
        return;
    }
    json_text(json, "state", is_elsewhere ? "ELSEWHERE" : "HELD");
    json_text(json, "state_text",
              observer_server_text(is_elsewhere ? OBSERVER_SERVER_ELSEWHERE
                                                : OBSERVER_SERVER_HELD));
}

void admin_write_server(struct json_writer *json, const char *name,
                        const struct gather_server *server)
{
    size_t queue_counts[ADMIN_HEALTH_COUNT];
    const struct observer_server *seen = &server->seen;
    const struct haplo_server_options *options = &server->config->options;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    bool is_held = server->server == NULL;
    if (!is_held) {
        haplo_server_get_stats(server->server, &stats);
    }
    json_object(json, name);
    json_text(json, "name", options->name);
    json_text(json, "url", options->url);
    write_server_state(json, server, &stats);
    json_text(json, "health",
              admin_health_name(admin_health_of_server(server)));
    json_text(json, "polled_by",
              observer_fleet_owner(&server->gather->observer, server->name));
    json_time(json, "since", seen->since_ms);
    json_text(json, "cause", text_or_null(is_held ? server->why : seen->text));
    write_error(json, seen->error);
    json_count(json, "failures", stats.failures);
    json_time(json, "last_success_at", seen->success_ms);
    json_count(json, "in_flight_max", options->in_flight_max);
    write_server_stats(json, &stats);
    admin_count_queues_of(server, queue_counts);
    admin_write_counts(json, "queues", queue_counts);
    json_object_end(json);
}

/* Outlet */

static const char *outlet_state(const struct gather_outlet *outlet,
                                const struct forwarder_stats *stats)
{
    return outlet->forwarder == NULL       ? "closed"
           : stats->is_broken              ? "broken"
           : stats->is_inbox_down          ? "waiting"
           : stats->blocked_lane_count > 0 ? "blocked"
           : stats->waiting_lane_count > 0 ||
                   outlet->seen.state != OBSERVER_OUTLET_WORKING
               ? "waiting"
               : "working";
}

static void write_outlet_counts(struct json_writer *json,
                                const struct forwarder_stats *stats)
{
    json_bool(json, "is_caught_up", stats->is_caught_up);
    json_count(json, "blocked_lanes", stats->blocked_lane_count);
    json_count(json, "waiting_lanes", stats->waiting_lane_count);
    json_count(json, "cursor", stats->cursor);
    json_count(json, "delivered_total", stats->delivered_count);
    json_count(json, "filtered_total", stats->filtered_count);
    json_count(json, "dead_letters_total", stats->dead_letter_count);
    json_count(json, "skipped_total", stats->skipped_count);
    json_count(json, "retries_total", stats->retry_count);
}

/* Why an outlet does not run. */
static const char *closed_why(const struct gather_outlet *outlet)
{
    const struct gather_inbox *inbox =
        name_table_find(&outlet->gather->inboxes, outlet->config->inbox->name);
    return inbox == NULL || inbox->is_open ? "it is about to begin or to end"
           : inbox->why != NULL            ? inbox->why
                                           : "its inbox is not open yet";
}

void admin_write_outlet(struct json_writer *json, const char *name,
                        struct gather_outlet *outlet)
{
    struct forwarder_stats stats = {.why = ""};
    observer_feed_lag(outlet);
    enum admin_health health = admin_health_of_outlet(outlet);
    if (outlet->forwarder != NULL) {
        forwarder_stats(outlet->forwarder, &stats);
    }
    json_object(json, name);
    json_text(json, "name", outlet->config->forward.name);
    json_text(json, "type", outlet->config->forward.type->name);
    json_text(json, "inbox", outlet->config->inbox->name);
    json_text(json, "state", outlet_state(outlet, &stats));
    json_text(json, "health", admin_health_name(health));
    json_time(json, "since", outlet->seen.since_ms);
    json_text(json, "cause",
              health == ADMIN_HEALTH_OK   ? NULL
              : outlet->forwarder == NULL ? closed_why(outlet)
              : outlet->seen.text != NULL ? text_or_null(outlet->seen.text)
                                          : text_or_null(stats.why));
    json_time(json, "last_success_at", outlet->seen.success_ms);
    admin_write_time_at(json, "next_at", stats.wait_ms);
    write_outlet_counts(json, &stats);
    json_count(json, "lag_messages", outlet_lag_messages(&outlet->lag));
    json_seconds(json, "lag_seconds",
                 outlet_lag_ms(&outlet->lag, wall_clock_ms()));
    json_object_end(json);
}

/* Inbox */

void admin_write_inbox(struct json_writer *json, const char *name,
                       const struct gather_inbox *inbox)
{
    bool is_open = inbox->is_open && inbox->inbox != NULL;
    enum admin_health health = admin_health_of_inbox(inbox);
    json_object(json, name);
    json_text(json, "name", inbox->config->name);
    json_text(json, "type", inbox->config->type->name);
    json_text(json, "uuid", is_open ? inbox_uuid(inbox->inbox) : NULL);
    json_text(json, "state",
              is_open                ? "open"
              : inbox->inbox == NULL ? "failed"
                                     : "opening");
    json_text(json, "health", admin_health_name(health));
    json_time(json, "since", inbox->seen.since_ms);
    json_text(json, "cause",
              health == ADMIN_HEALTH_OK ? NULL
                                        : text_or_null(inbox->seen.text));
    json_time(json, "last_success_at", inbox->seen.success_ms);
    json_count(json, "unrouted_total", inbox->unrouted.count);
    json_object_end(json);
}
