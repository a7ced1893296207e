#include "daemon/doctor/doctor_fleet.h"

#include <inttypes.h>

#include "base/boot_clock.h"
#include "config/units.h"
#include "inbox/inbox_fleet.h"

#define SUBJECT "fleet"
#define LIMIT_PARTS 4 /* of ttl; a slower request has failed: fleet_host.c */

static size_t count_alive(const struct inbox_fleet_view *view)
{
    size_t count = 0;
    for (size_t i = 0; i < view->member_count; i++) {
        count += view->members[i].left_ms > 0;
    }
    return count;
}

/* The clocks of hosts need not agree: only the database's counts. What does
 * count is how long a request takes; this one also has to connect. */
void doctor_fleet(const struct config *config, struct doctor_report *report)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char ttl[UNITS_TEXT_SIZE];
    struct inbox_fleet_view view;
    const struct config_fleet *fleet = &config->fleet;
    uint64_t begin_ms = boot_clock_ms();
    if (fleet->inbox == NULL) {
        return;
    }
    if (inbox_fleet_view(fleet->inbox->type, fleet->inbox->options, &view, why,
                         sizeof why) != 0) {
        doctor_report_add(report, HP_FLEET_UNUSABLE, SUBJECT, "inbox %s: %s",
                          fleet->inbox->name, why);
        return;
    }
    uint64_t took_ms = boot_clock_ms() - begin_ms;
    bool is_slow = took_ms > fleet->policy.ttl_ms / LIMIT_PARTS;
    doctor_report_add(report, is_slow ? HP_FLEET_SLOW : HP_NONE, SUBJECT,
                      "its tables in inbox %s can be read, in %" PRIu64
                      " ms with a ttl of %s; hosts that are alive: %zu",
                      fleet->inbox->name, took_ms,
                      duration_format(fleet->policy.ttl_ms, ttl),
                      count_alive(&view));
    inbox_fleet_view_free(&view);
}
