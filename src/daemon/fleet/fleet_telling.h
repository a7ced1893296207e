/*
 * fleet_telling.h - what the hosts of a fleet tell each other: failed logins,
 * keys that were refused, and queues that operators have paused.
 *
 *   - What happens here is written into the inbox at once.
 *   - Each renewal of the membership reads what others have written, if that
 *     has changed, before slots are gained by the same reply.
 *   - What was read while own changes were on their way is not used, as they
 *     may be missing in it: the next renewal reads again.
 *
 * So for as long as a renewal takes, another host may use the budget of failed
 * logins a second time, or poll a queue that was just paused.
 */
#ifndef DAEMON_FLEET_TELLING_H
#define DAEMON_FLEET_TELLING_H

#include "daemon/fleet/fleet_logins.h"
#include "daemon/fleet/fleet_news.h"
#include "daemon/gather/telling.h"
#include "inbox/inbox_fleet.h"

struct pauses;

struct fleet_telling {
    struct gather *gather;      /* borrowed */
    struct pauses *pauses;      /* borrowed */
    struct telling calls;       /* from gather and pauses */
    struct fleet_news news;     /* own changes */
    struct fleet_logins logins; /* counts that are known */
    bool is_taking;             /* what changes now was changed by others */
    int64_t version;            /* of what was taken */
    uint64_t asked_edits;       /* of news, when the request was sent */
};

void fleet_telling_init(struct fleet_telling *telling, struct gather *gather,
                        struct pauses *pauses);

/* To be called with each request, and with its reply. */
void fleet_telling_ask(struct fleet_telling *telling,
                       struct inbox_fleet_request *request);
void fleet_telling_take(struct fleet_telling *telling,
                        const struct inbox_fleet_request *request);

void fleet_telling_free(struct fleet_telling *telling);

#endif
