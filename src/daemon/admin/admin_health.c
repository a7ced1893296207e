#include "daemon/admin/admin_health.h"

void admin_get_health(struct admin_request *request)
{
    admin_reply_static(request, "text/plain; charset=utf-8", "ok\n", 3);
}
