#include "core/login_part.h"

#include "core/login_sites.h"
#include "core/server.h"

static void unmark_all(const struct login_group *group)
{
    struct login_site *site;
    struct server *server;
    LIST_FOREACH (site, &group->sites, link) {
        site->is_marked = false;
    }
    TAILQ_FOREACH (server, &group->servers, group_link) {
        server->is_marked = false;
        for (unsigned i = 0; i < server->site_count; i++) {
            server->sites[i]->is_marked = false; /* may be in another group */
        }
    }
}

static void server_mark(struct server *server)
{
    server->is_marked = true;
    for (unsigned i = 0; i < server->site_count; i++) {
        server->sites[i]->is_marked = true;
    }
}

static bool has_marked_site(const struct server *server)
{
    for (unsigned i = 0; i < server->site_count; i++) {
        if (server->sites[i]->is_marked) {
            return true;
        }
    }
    return false;
}

/* Marks a server and everything that is connected to it. */
static void mark_connected(const struct login_group *group)
{
    bool has_grown = true;
    struct server *server;
    server_mark(TAILQ_FIRST(&group->servers));
    while (has_grown) {
        has_grown = false;
        TAILQ_FOREACH (server, &group->servers, group_link) {
            if (!server->is_marked && has_marked_site(server)) {
                server_mark(server);
                has_grown = true;
            }
        }
    }
}

static bool has_unmarked(const struct login_group *group)
{
    const struct login_site *site;
    const struct server *server;
    TAILQ_FOREACH (server, &group->servers, group_link) {
        if (!server->is_marked) {
            return true;
        }
    }
    LIST_FOREACH (site, &group->sites, link) {
        if (!site->is_marked) {
            return true;
        }
    }
    return false;
}

bool login_part_mark(const struct login_group *group)
{
    unmark_all(group);
    if (TAILQ_EMPTY(&group->servers)) {
        LIST_FIRST(&group->sites)->is_marked = true;
    } else {
        mark_connected(group);
    }
    return has_unmarked(group);
}

void login_part_move_site(struct login_site *site, struct login_group *group)
{
    LIST_REMOVE(site, link);
    LIST_INSERT_HEAD(&group->sites, site, link);
    site->group = group;
}

void login_part_move_server(struct server *server, struct login_group *group)
{
    TAILQ_REMOVE(&server->group->servers, server, group_link);
    TAILQ_INSERT_TAIL(&group->servers, server, group_link);
    server->group = group;
}

void login_part_move_rest(struct login_group *from, struct login_group *to)
{
    struct login_site *site = LIST_FIRST(&from->sites);
    struct server *server = TAILQ_FIRST(&from->servers);
    while (site != NULL) {
        struct login_site *next = LIST_NEXT(site, link);
        if (!site->is_marked) {
            login_part_move_site(site, to);
        }
        site = next;
    }
    while (server != NULL) {
        struct server *next = TAILQ_NEXT(server, group_link);
        if (!server->is_marked) {
            login_part_move_server(server, to);
        }
        server = next;
    }
}
