/*
 * admin_routes.c - everything that the admin socket serves. docs/openapi.yaml
 * has the same paths; a test compares them.
 */
#include "daemon/admin/admin_health.h"
#include "daemon/admin/admin_route.h"
#include "daemon/admin/page.h"

const struct admin_route admin_routes[] = {
    {"GET", "/healthz", ADMIN_ROLE_NONE, true, admin_get_health},
    {"GET", "/", ADMIN_ROLE_NONE, true, page_get},
    {"GET", "/{file}", ADMIN_ROLE_NONE, true, page_get_file},
};

const size_t admin_route_count = sizeof admin_routes / sizeof admin_routes[0];
