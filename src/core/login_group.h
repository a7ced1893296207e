/*
 * login_group.h - the budget of failed logins at one actual server. All servers
 * of the configuration that reach it share this budget; login_sites.h finds
 * out which these are. Pure: no I/O and no clock.
 *
 * A Haplo server counts the failed logins of a client address, over all of its
 * applications, its host names and its human users. At 50 it refuses valid keys
 * as well (THROTTLE), until 300 s after the last failure. So, in each group:
 *
 *   - Keys that the server has not accepted yet ("not proven") are tried one
 *     at a time, until failed_max of them in a row have been refused.
 *   - A proven key may have been revoked, together with others: after twice as
 *     many failures, proven keys wait as well.
 *   - All keys may be revoked at the same moment: failed logins and requests
 *     in flight together do not exceed LOGINS_AT_RISK_MAX. Only while no login
 *     has failed, one server may have more in flight if its in_flight_max says
 *     so, and the group as many as that server.
 *   - A success clears the count, here and on the server. So does the time:
 *     LOGINS_EXPIRY_MS after the last failure.
 *   - A throttle says that the server has counted 50, whatever we have counted:
 *     the budget of the group is exhausted, for all keys.
 */
#ifndef CORE_LOGIN_GROUP_H
#define CORE_LOGIN_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/heap.h"

#define LOGINS_AT_RISK_MAX 40   /* well below 50: people log in as well */
#define LOGINS_EXPIRY_MS 310000 /* the server's 300 s, and a margin */
#define LOGIN_SITES_MAX 17      /* a host name and 16 addresses */

struct server;
struct login_site;

struct login_group {
    TAILQ_HEAD(, server) servers;   /* that reach the actual server */
    LIST_HEAD(, login_site) sites;  /* names and addresses that lead to it */
    LIST_ENTRY(login_group) link;   /* in the list of all groups */
    LIST_ENTRY(login_group) change; /* in the list of changed ones */
    struct heap_entry wait;         /* end of the count */
    uint64_t expires_ms;            /* of the count; HEAP_NEVER: it is 0 */
    unsigned failed;                /* consecutive failed logins */
    unsigned failed_max;   /* the smallest of its servers; none: UINT_MAX */
    unsigned risk_max;     /* the largest in_flight_max of its servers, but at
                              least LOGINS_AT_RISK_MAX */
    unsigned in_flight;    /* requests of its servers */
    unsigned prover_count; /* of these, with unproven keys */
    bool is_changed;       /* in the list of changed ones */
    bool may_prove;        /* an unproven key may be tried now */
    bool may_use_proven;   /* a proven key may be used now */
};

/* A group without servers and without failed logins. */
void login_group_init(struct login_group *group);

/* A login has failed; was refused because too many had failed; or it has
 * succeeded, or the count has expired. */
void login_group_failed(struct login_group *group, uint64_t now_ms);
void login_group_throttled(struct login_group *group, uint64_t now_ms);
void login_group_cleared(struct login_group *group);

/* Continues the count of an earlier process, whose newest failure was age_ms
 * ago. Ignores one that has expired since. */
void login_group_recall(struct login_group *group, unsigned failed,
                        uint64_t age_ms, uint64_t now_ms);

/* True if unproven keys have to wait because too many have been refused. */
bool login_group_is_held(const struct login_group *group);

/* True if a request that has been started, but not sent, may still be sent. */
bool login_group_may_go_on(const struct login_group *group, bool key_proven);

/* To be called after each change of the counters: updates may_prove and
 * may_use_proven. Returns true if one of them has changed. */
bool login_group_update(struct login_group *group);

/* To be called after its servers have changed: counts again what they have in
 * flight. */
void login_group_recount(struct login_group *group);

/* Adds the count of another group that has turned out to be the same. */
void login_group_merge(struct login_group *group,
                       const struct login_group *other);

/* The time since the newest failure. */
uint64_t login_group_age_ms(const struct login_group *group, uint64_t now_ms);

#endif
