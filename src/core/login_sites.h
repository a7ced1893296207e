/*
 * login_sites.h - finds out which servers of the configuration are the same
 * actual server, and so share a budget of failed logins: struct login_group.
 * Pure.
 *
 * A server is reached by one or more sites: its login_group option, or else
 * its host name and the addresses of that name, each with the port.
 *
 *      servers      sites                    groups
 *      app1 ------- app1.example:443 ---+
 *        +--------- 192.0.2.1:443 ------+--- one budget
 *      app2 --------+                   |
 *        +--------- app2.example:443 ---+
 *      other ------ other.example:443 ------ another one
 *
 * A group is what is connected. When a look-up finds other addresses, groups
 * may join: their counts add up. Or a group splits: each part keeps the count,
 * since nobody knows where the failures were counted. A site without servers
 * is remembered until the count of its group has expired, for a server that
 * has yet to be located there. Sites of earlier processes are recalled in this
 * form.
 *
 * If memory runs out, groups stay joined, which is safe.
 */
#ifndef CORE_LOGIN_SITES_H
#define CORE_LOGIN_SITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/heap.h"
#include "core/login_group.h"
#include "haplopoll.h"

#define LOGIN_BUCKETS 256

struct login_site {
    LIST_ENTRY(login_site) hash_link; /* in its bucket */
    LIST_ENTRY(login_site) link;      /* in its group */
    struct login_group *group;        /* never NULL */
    unsigned server_count;            /* reached by it; 0: remembered */
    bool is_marked;                   /* while a group is split */
    char name[];                      /* "192.0.2.1:443" */
};

LIST_HEAD(login_site_list, login_site);
LIST_HEAD(login_group_list, login_group);

struct login_sites {
    struct login_site_list buckets[LOGIN_BUCKETS]; /* by hash of the name */
    struct login_group_list groups;                /* all of them; owned */
    struct login_group_list changed; /* see login_sites_next_changed() */
    struct heap waits;               /* ends of the counts of groups */
    uint32_t group_count;            /* in groups */
};

void login_sites_init(struct login_sites *sites);

/* Frees everything. Servers must not be used any more. */
void login_sites_free(struct login_sites *sites);

/* Sets the sites of a server, and moves it to the group that these belong to.
 * names: at least one, at most LOGIN_SITES_MAX, no duplicates. 0, or
 * HAPLO_ENOMEM: nothing has changed. */
int login_sites_place(struct login_sites *sites, struct server *server,
                      const char *const *names, unsigned count);

/* Removes a server, which must not have a request in flight. */
void login_sites_leave(struct login_sites *sites, struct server *server);

/* Recalls failed logins that an earlier process has counted at a site: see
 * login_group_recall(). 0 or HAPLO_ENOMEM. */
int login_sites_recall(struct login_sites *sites,
                       const struct haplo_failed_logins *logins,
                       uint64_t now_ms);

/* To be called when the count of the group has changed: sets its wait. */
void login_sites_note_count(struct login_sites *sites,
                            struct login_group *group);

/* To be called when the count of the group is 0 again: divides it, if a count
 * was all that held it together. */
void login_sites_divide(struct login_sites *sites, struct login_group *group);

/* Takes the next group whose count has expired at now_ms, or NULL. The caller
 * clears it; login_sites_note_count() then frees a group that has no
 * servers. */
struct login_group *login_sites_take_due(struct login_sites *sites,
                                         uint64_t now_ms);

/* When to call login_sites_take_due() next; HEAP_NEVER: never. */
static inline uint64_t login_sites_due_ms(const struct login_sites *sites)
{
    return heap_first_ms(&sites->waits);
}

/* Takes the next group that has gained or lost servers, and perhaps a count
 * with them, or NULL. Its counters are correct. */
struct login_group *login_sites_next_changed(struct login_sites *sites);

#endif
