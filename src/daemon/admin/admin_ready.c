#include "daemon/admin/admin_ready.h"

#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"
#include "daemon/observe/observer_fleet.h"

/* The checks, written to json, or only counted if it is NULL. */
struct checks {
    struct json_writer *json; /* or NULL */
    bool shows_cause;         /* it may name hosts and paths */
    bool is_ready;            /* all of them, so far */
};

/* why: NULL if it is fine. */
static void check(struct checks *checks, const char *kind, const char *name,
                  const char *why)
{
    struct json_writer *json = checks->json;
    checks->is_ready &= why == NULL;
    if (json != NULL) {
        json_object(json, NULL);
        json_text(json, "check", kind);
        json_text(json, "name", name);
        json_bool(json, "ok", why == NULL);
        json_text(json, "cause", checks->shows_cause ? why : NULL);
        json_object_end(json);
    }
}

static const char *text_or(const char *text, const char *fallback)
{
    return text != NULL && text[0] != '\0' ? text : fallback;
}

static const char *phase_why(const struct gather *gather)
{
    return gather->phase < GATHER_OPEN   ? "it is starting"
           : gather->phase > GATHER_OPEN ? "it is stopping"
                                         : NULL;
}

static const char *inbox_why(const struct gather_inbox *inbox)
{
    if (inbox->inbox == NULL || !inbox->is_open) {
        return "it is not open";
    }
    return inbox->seen.state == OBSERVER_INBOX_WORKING
               ? NULL
               : text_or(inbox->seen.text,
                         observer_inbox_text(inbox->seen.state));
}

static const char *outlet_why(const struct gather_outlet *outlet)
{
    struct forwarder_stats stats = {0};
    if (outlet->forwarder == NULL) {
        return "it is closed";
    }
    forwarder_stats(outlet->forwarder, &stats);
    if (stats.is_broken || stats.is_inbox_down ||
        outlet->seen.state == OBSERVER_OUTLET_BROKEN) {
        return text_or(stats.why, observer_outlet_text(OBSERVER_OUTLET_BROKEN));
    }
    return NULL;
}

static const char *polling_why(const struct gather *gather)
{
    size_t counts[ADMIN_HEALTH_COUNT];
    size_t total = 0;
    admin_count_queues(gather, counts);
    for (int i = 0; i < ADMIN_HEALTH_COUNT; i++) {
        total += counts[i];
    }
    return total > counts[ADMIN_HEALTH_ELSEWHERE] &&
                   counts[ADMIN_HEALTH_OK] + counts[ADMIN_HEALTH_PAUSED] == 0
               ? "none of the queues works"
               : NULL;
}

/* One that cannot renew its membership still polls, for a while. */
static const char *fleet_why(const struct observer_fleet *fleet)
{
    return fleet->state == OBSERVER_HOST_OUTSIDE ||
                   fleet->state == OBSERVER_HOST_STOPPED
               ? text_or(fleet->why, observer_fleet_text(fleet->state))
               : NULL;
}

static void check_all(struct checks *checks, const struct gather *gather)
{
    const struct gather_inbox *inbox;
    const struct gather_outlet *outlet;
    size_t cursor = 0;
    check(checks, "phase", NULL, phase_why(gather));
    if (gather->phase != GATHER_OPEN && gather->phase != GATHER_DRAINING) {
        return; /* the rest does not exist yet, or any more */
    }
    check(checks, "configuration", NULL,
          gather->observer.is_reload_failing
              ? "the last reload was rejected: see the log"
              : NULL);
    while ((inbox = name_table_next(&gather->inboxes, &cursor)) != NULL) {
        check(checks, "inbox", inbox->config->name, inbox_why(inbox));
    }
    cursor = 0;
    while ((outlet = name_table_next(&gather->outlets, &cursor)) != NULL) {
        check(checks, "outlet", outlet->config->forward.name,
              outlet_why(outlet));
    }
    if (gather->observer.fleet != NULL) {
        check(checks, "fleet", NULL, fleet_why(gather->observer.fleet));
    }
    check(checks, "polling", NULL, polling_why(gather));
}

bool admin_is_ready(const struct admin *admin)
{
    struct checks checks = {.is_ready = true};
    check_all(&checks, admin->gather);
    return checks.is_ready;
}

void admin_get_ready(struct admin_request *request)
{
    struct json_writer json = {0};
    struct checks checks = {.json = &json,
                            .shows_cause = request->role != ADMIN_ROLE_NONE,
                            .is_ready = true};
    json_object(&json, NULL);
    json_array(&json, "checks");
    check_all(&checks, request->admin->gather);
    json_array_end(&json);
    json_bool(&json, "ready", checks.is_ready);
    json_object_end(&json);
    admin_reply_json(request, checks.is_ready ? 200 : 503, &json);
}
