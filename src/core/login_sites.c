#include "core/login_sites.h"

#include <assert.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/container_of.h"
#include "core/login_part.h"
#include "core/server.h"

/* Groups */

/* NULL: out of memory. */
static struct login_group *group_new(struct login_sites *sites)
{
    if (heap_reserve(&sites->waits, sites->group_count + 1) != 0) {
        return NULL;
    }
    struct login_group *group = alloc_zeroed(1, sizeof *group);
    if (group != NULL) {
        login_group_init(group);
        LIST_INSERT_HEAD(&sites->groups, group, link);
        sites->group_count++;
    }
    return group;
}

static void group_free(struct login_sites *sites, struct login_group *group)
{
    heap_remove(&sites->waits, &group->wait);
    if (group->is_changed) {
        LIST_REMOVE(group, change);
    }
    LIST_REMOVE(group, link);
    sites->group_count--;
    alloc_free(group);
}

static void group_has_changed(struct login_sites *sites,
                              struct login_group *group)
{
    login_group_recount(group);
    if (!group->is_changed) {
        group->is_changed = true;
        LIST_INSERT_HEAD(&sites->changed, group, change);
    }
}

/* Sites */

static struct login_site_list *bucket_of(struct login_sites *sites,
                                         const char *name)
{
    return &sites->buckets[XXH3_64bits(name, strlen(name)) % LOGIN_BUCKETS];
}

static struct login_site *site_find(struct login_sites *sites, const char *name)
{
    struct login_site *site;
    LIST_FOREACH (site, bucket_of(sites, name), hash_link) {
        if (strcmp(site->name, name) == 0) {
            break;
        }
    }
    return site;
}

/* In the group, and without servers. NULL: out of memory. */
static struct login_site *site_new(struct login_sites *sites, const char *name,
                                   struct login_group *group)
{
    size_t size = strlen(name) + 1;
    struct login_site *site = alloc_zeroed(1, sizeof *site + size);
    if (site != NULL) {
        memcpy(site->name, name, size);
        site->group = group;
        LIST_INSERT_HEAD(bucket_of(sites, name), site, hash_link);
        LIST_INSERT_HEAD(&group->sites, site, link);
    }
    return site;
}

static void site_free(struct login_site *site)
{
    LIST_REMOVE(site, hash_link);
    LIST_REMOVE(site, link);
    alloc_free(site);
}

/* Frees what nothing refers to: if there is no count to be remembered, the
 * sites that no server uses; and the group, if it is empty then. False: it is
 * gone. */
static bool group_tidy(struct login_sites *sites, struct login_group *group)
{
    struct login_site *site = LIST_FIRST(&group->sites);
    while (site != NULL) {
        struct login_site *next = LIST_NEXT(site, link);
        if (site->server_count == 0 && group->failed == 0) {
            site_free(site);
        }
        site = next;
    }
    bool is_left = !LIST_EMPTY(&group->sites) || !TAILQ_EMPTY(&group->servers);
    if (!is_left) {
        group_free(sites, group);
    }
    return is_left;
}

void login_sites_note_count(struct login_sites *sites,
                            struct login_group *group)
{
    if (group->failed == 0) {
        heap_remove(&sites->waits, &group->wait);
        (void)group_tidy(sites, group);
    } else {
        heap_set(&sites->waits, &group->wait, group->expires_ms);
    }
}

/* Joining */

/* Moves everything from one group to the other. */
static void groups_join(struct login_sites *sites, struct login_group *to,
                        struct login_group *from)
{
    if (to == from) {
        return;
    }
    login_group_merge(to, from);
    while (!LIST_EMPTY(&from->sites)) {
        login_part_move_site(LIST_FIRST(&from->sites), to);
    }
    while (!TAILQ_EMPTY(&from->servers)) {
        login_part_move_server(TAILQ_FIRST(&from->servers), to);
    }
    group_free(sites, from);
    login_sites_note_count(sites, to);
    group_has_changed(sites, to);
}

/* Splitting */

/* Leaves one part in the group, and moves the rest to a new one. NULL: there is
 * no rest, or no memory. */
static struct login_group *group_split_once(struct login_sites *sites,
                                            struct login_group *group)
{
    struct login_group *rest = login_part_mark(group) ? group_new(sites) : NULL;
    if (rest == NULL) {
        return NULL;
    }
    login_group_merge(rest, group);
    login_part_move_rest(group, rest);
    login_sites_note_count(sites, rest);
    group_has_changed(sites, group);
    group_has_changed(sites, rest);
    return rest;
}

/* A server that has not been located yet is where it was in an earlier process,
 * as far as is known: as long as that matters, its group stays together. */
static bool has_unlocated(const struct login_group *group)
{
    const struct server *server;
    if (group->failed == 0) {
        return false;
    }
    TAILQ_FOREACH (server, &group->servers, group_link) {
        if (server->location != LOCATION_KNOWN) {
            return true;
        }
    }
    return false;
}

/* Divides the group into its connected parts. Sites that no server uses become
 * parts of their own. */
static void group_split(struct login_sites *sites, struct login_group *group)
{
    if (!group_tidy(sites, group) || has_unlocated(group)) {
        return;
    }
    while (group != NULL) {
        group = group_split_once(sites, group);
    }
}

void login_sites_divide(struct login_sites *sites, struct login_group *group)
{
    const struct server *first = TAILQ_FIRST(&group->servers);
    if (first != NULL && TAILQ_NEXT(first, group_link) != NULL) {
        group_split(sites, group);
    }
}

/* Servers */

static bool is_placed_so(struct login_sites *sites, const struct server *server,
                         const char *const *names, unsigned count)
{
    bool is_same = server->site_count == count;
    for (unsigned i = 0; is_same && i < count; i++) {
        const struct login_site *site = site_find(sites, names[i]);
        is_same = false;
        for (unsigned j = 0; !is_same && j < count; j++) {
            is_same = server->sites[j] == site;
        }
    }
    return is_same;
}

/* Finds the sites, or creates them in the group. HAPLO_ENOMEM: those that were
 * created are gone again. */
static int sites_get(struct login_sites *sites, struct login_group *group,
                     const char *const *names, unsigned count,
                     struct login_site **found)
{
    bool is_new[LOGIN_SITES_MAX] = {false};
    unsigned i = 0;
    for (; i < count; i++) {
        found[i] = site_find(sites, names[i]);
        is_new[i] = found[i] == NULL;
        if (found[i] == NULL) {
            found[i] = site_new(sites, names[i], group);
        }
        if (found[i] == NULL) {
            break;
        }
    }
    if (i == count) {
        return 0;
    }
    while (i-- > 0) {
        if (is_new[i]) {
            site_free(found[i]);
        }
    }
    return HAPLO_ENOMEM;
}

static void sites_release(struct server *server)
{
    for (unsigned i = 0; i < server->site_count; i++) {
        server->sites[i]->server_count--;
    }
    server->site_count = 0;
}

/* Joining comes last: the count of a group that is left behind must not get
 * into the one that is joined by way of the server. */
static void server_settle(struct login_sites *sites, struct server *server)
{
    group_split(sites, server->group);
    for (unsigned i = 0; i < server->site_count; i++) {
        groups_join(sites, server->sites[i]->group, server->group);
    }
    group_has_changed(sites, server->group);
}

int login_sites_place(struct login_sites *sites, struct server *server,
                      const char *const *names, unsigned count)
{
    struct login_site *found[LOGIN_SITES_MAX];
    assert(count > 0);
    assert(count <= LOGIN_SITES_MAX);
    if (is_placed_so(sites, server, names, count)) {
        return 0;
    }
    struct login_group *group = server->group;
    if (group == NULL && (group = group_new(sites)) == NULL) {
        return HAPLO_ENOMEM;
    }
    if (sites_get(sites, group, names, count, found) != 0) {
        if (server->group == NULL) {
            group_free(sites, group);
        }
        return HAPLO_ENOMEM;
    }
    if (server->group == NULL) {
        server->group = group;
        TAILQ_INSERT_TAIL(&group->servers, server, group_link);
    }
    for (unsigned i = 0; i < count; i++) {
        found[i]->server_count++;
    }
    sites_release(server);
    for (unsigned i = 0; i < count; i++) {
        server->sites[i] = found[i];
    }
    server->site_count = count;
    server_settle(sites, server);
    return 0;
}

void login_sites_leave(struct login_sites *sites, struct server *server)
{
    struct login_group *group = server->group;
    assert(server->in_flight == 0);
    sites_release(server);
    TAILQ_REMOVE(&group->servers, server, group_link);
    server->group = NULL;
    group_has_changed(sites, group);
    group_split(sites, group);
}

/* NULL: out of memory. */
static struct login_site *site_get(struct login_sites *sites, const char *name)
{
    struct login_site *site = site_find(sites, name);
    if (site == NULL) {
        struct login_group *group = group_new(sites);
        site = group == NULL ? NULL : site_new(sites, name, group);
        if (site == NULL && group != NULL) {
            group_free(sites, group);
        }
    }
    return site;
}

int login_sites_recall(struct login_sites *sites,
                       const struct haplo_failed_logins *logins,
                       uint64_t now_ms)
{
    struct login_group recalled;
    login_group_init(&recalled);
    login_group_recall(&recalled, logins->count, logins->age_ms, now_ms);
    if (recalled.failed == 0) {
        return 0;
    }
    struct login_site *site = site_get(sites, logins->site);
    if (site == NULL) {
        return HAPLO_ENOMEM;
    }
    struct login_site *other =
        logins->same_as == NULL ? NULL : site_find(sites, logins->same_as);
    if (other != NULL) { /* which has this count already */
        groups_join(sites, other->group, site->group);
        return 0;
    }
    login_group_merge(site->group, &recalled);
    login_sites_note_count(sites, site->group);
    group_has_changed(sites, site->group);
    return 0;
}

/* Waits */

struct login_group *login_sites_take_due(struct login_sites *sites,
                                         uint64_t now_ms)
{
    struct heap_entry *entry = heap_take_due(&sites->waits, now_ms);
    return entry == NULL ? NULL : container_of(entry, struct login_group, wait);
}

struct login_group *login_sites_next_changed(struct login_sites *sites)
{
    struct login_group *group = LIST_FIRST(&sites->changed);
    if (group != NULL) {
        LIST_REMOVE(group, change);
        group->is_changed = false;
    }
    return group;
}

/* Beginning and end */

void login_sites_init(struct login_sites *sites)
{
    *sites = (struct login_sites){0};
    for (size_t i = 0; i < LOGIN_BUCKETS; i++) {
        LIST_INIT(&sites->buckets[i]);
    }
    LIST_INIT(&sites->groups);
    LIST_INIT(&sites->changed);
}

void login_sites_free(struct login_sites *sites)
{
    struct login_group *group;
    while ((group = LIST_FIRST(&sites->groups)) != NULL) {
        while (!LIST_EMPTY(&group->sites)) {
            site_free(LIST_FIRST(&group->sites));
        }
        group_free(sites, group);
    }
    heap_free(&sites->waits);
}
