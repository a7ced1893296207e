/*
 * login_part.h - divides a login group. Servers that have a site in common are
 * connected, and so are servers that are both connected to a third one. Only
 * login_sites.c calls these functions.
 */
#ifndef CORE_LOGIN_PART_H
#define CORE_LOGIN_PART_H

#include <stdbool.h>

struct login_group;
struct login_site;
struct server;

/* Marks one part of the group: some server with all that is connected to it,
 * or, if there are none, some site. True if there is a rest. */
bool login_part_mark(const struct login_group *group);

/* Moves the rest, which is not marked, to another group. */
void login_part_move_rest(struct login_group *from, struct login_group *to);

/* Moves one site, or one server, to another group. */
void login_part_move_site(struct login_site *site, struct login_group *group);
void login_part_move_server(struct server *server, struct login_group *group);

#endif
