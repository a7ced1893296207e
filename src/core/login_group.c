#include "core/login_group.h"

#include <limits.h>

#include "core/server.h"

void login_group_init(struct login_group *group)
{
    *group = (struct login_group){
        .expires_ms = HEAP_NEVER,
        .failed_max = UINT_MAX,
        .risk_max = LOGINS_AT_RISK_MAX,
    };
    TAILQ_INIT(&group->servers);
    LIST_INIT(&group->sites);
    (void)login_group_update(group);
}

void login_group_failed(struct login_group *group, uint64_t now_ms)
{
    group->failed++;
    group->expires_ms = now_ms + LOGINS_EXPIRY_MS;
}

void login_group_throttled(struct login_group *group, uint64_t now_ms)
{
    if (group->failed < LOGINS_AT_RISK_MAX) {
        group->failed = LOGINS_AT_RISK_MAX;
    }
    group->expires_ms = now_ms + LOGINS_EXPIRY_MS;
}

void login_group_cleared(struct login_group *group)
{
    group->failed = 0;
    group->expires_ms = HEAP_NEVER;
}

static unsigned capped(unsigned failed)
{
    return failed < LOGINS_AT_RISK_MAX ? failed : LOGINS_AT_RISK_MAX;
}

void login_group_recall(struct login_group *group, unsigned failed,
                        uint64_t age_ms, uint64_t now_ms)
{
    if (failed == 0 || age_ms >= LOGINS_EXPIRY_MS) {
        return;
    }
    group->failed = capped(failed);
    group->expires_ms = now_ms + LOGINS_EXPIRY_MS - age_ms;
}

bool login_group_is_held(const struct login_group *group)
{
    return group->failed >= group->failed_max;
}

/* True if a proven key may be used while so many requests are in flight. */
static bool allows_proven(const struct login_group *group, unsigned in_flight)
{
    unsigned risk_max =
        group->failed == 0 ? group->risk_max : LOGINS_AT_RISK_MAX;
    return group->failed / 2 < group->failed_max &&
           group->failed + in_flight <= risk_max;
}

bool login_group_may_go_on(const struct login_group *group, bool key_proven)
{
    return allows_proven(group, group->in_flight) &&
           (key_proven ||
            (group->prover_count <= 1 && !login_group_is_held(group)));
}

bool login_group_update(struct login_group *group)
{
    bool may_use_proven = allows_proven(group, group->in_flight + 1);
    bool may_prove = may_use_proven && group->prover_count == 0 &&
                     !login_group_is_held(group);
    bool has_changed = may_prove != group->may_prove ||
                       may_use_proven != group->may_use_proven;
    group->may_prove = may_prove;
    group->may_use_proven = may_use_proven;
    return has_changed;
}

void login_group_recount(struct login_group *group)
{
    const struct server *server;
    group->failed_max = UINT_MAX;
    group->risk_max = LOGINS_AT_RISK_MAX;
    group->in_flight = 0;
    group->prover_count = 0;
    TAILQ_FOREACH (server, &group->servers, group_link) {
        if (server->policy.failed_logins_max < group->failed_max) {
            group->failed_max = server->policy.failed_logins_max;
        }
        if (server->policy.in_flight_max > group->risk_max) {
            group->risk_max = server->policy.in_flight_max;
        }
        group->in_flight += server->in_flight;
        group->prover_count += server->prover != NULL;
    }
}

void login_group_merge(struct login_group *group,
                       const struct login_group *other)
{
    /* Two groups that one split left behind, or that were recalled from the
     * same line, have one count between them. */
    bool is_same = group->failed == other->failed &&
                   group->expires_ms == other->expires_ms;
    if (!is_same && other->failed > 0) {
        bool is_later =
            group->failed == 0 || group->expires_ms < other->expires_ms;
        group->failed = capped(group->failed + other->failed);
        group->expires_ms = is_later ? other->expires_ms : group->expires_ms;
    }
}

uint64_t login_group_age_ms(const struct login_group *group, uint64_t now_ms)
{
    uint64_t longest_ms = now_ms + LOGINS_EXPIRY_MS;
    return group->expires_ms < longest_ms ? longest_ms - group->expires_ms : 0;
}
