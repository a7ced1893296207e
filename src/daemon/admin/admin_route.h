/*
 * admin_route.h - which handler serves a request: a table of methods and paths.
 * A path may have parameters in braces, each of which stands for one segment:
 * "/api/v1/queues/{server}/{queue}/pause". Pure.
 */
#ifndef DAEMON_ADMIN_ROUTE_H
#define DAEMON_ADMIN_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "haplopoll.h"

#define ADMIN_PARAMETER_COUNT_MAX 4
#define ADMIN_PARAMETER_SIZE (HAPLO_NAME_SIZE_MAX + 1)

struct admin_request;

/* What somebody may do. */
enum admin_role {
    ADMIN_ROLE_NONE, /* nobody has been identified */
    ADMIN_ROLE_READ, /* look, but see no message */
    ADMIN_ROLE_FULL  /* everything */
};

/* Handles a request that has arrived completely: it calls one of admin_reply()
 * and its kin, or admin_wait() and one of these later. */
typedef void (*admin_handle_cb)(struct admin_request *request);

struct admin_route {
    const char *method;        /* "GET" also serves HEAD */
    const char *path;          /* see above */
    enum admin_role role;      /* the least that is needed */
    bool is_always;            /* also served while it starts and ends; the
                                  others then get a 503 */
    admin_handle_cb handle_cb; /* does it */
};

/* The result of a search. */
struct admin_match {
    const struct admin_route *route; /* NULL: none */
    bool is_path_known;              /* there is one for another method */
    char parameters[ADMIN_PARAMETER_COUNT_MAX]
                   [ADMIN_PARAMETER_SIZE]; /* in the order of the path */
};

/* Searches a table for the route of a request; path is decoded. */
void admin_route_find(const struct admin_route *routes, size_t count,
                      const char *method, const char *path,
                      struct admin_match *match);

/* The parameter with this name; the route must have it. */
const char *admin_match_parameter(const struct admin_match *match,
                                  const char *name);

/* All routes there are: admin_routes.c. */
extern const struct admin_route admin_routes[];
extern const size_t admin_route_count;

#endif
