#include "daemon/admin/admin_private.h"

bool admin_allows(struct admin_request *request, bool is_local)
{
    request->role = is_local ? ADMIN_ROLE_FULL : ADMIN_ROLE_NONE;
    const struct admin_route *route = request->match.route;
    if (route != NULL && route->role > request->role) {
        admin_reply_error(request, 401, "log in");
        return false;
    }
    return true;
}
