/*
 * admin_routes.c - everything that the admin socket serves. docs/openapi.yaml
 * has the same paths; a test compares them.
 */
#include "daemon/admin/admin_actions.h"
#include "daemon/admin/admin_events.h"
#include "daemon/admin/admin_health.h"
#include "daemon/admin/admin_letters.h"
#include "daemon/admin/admin_lists.h"
#include "daemon/admin/admin_login.h"
#include "daemon/admin/admin_metrics.h"
#include "daemon/admin/admin_queue.h"
#include "daemon/admin/admin_queues.h"
#include "daemon/admin/admin_ready.h"
#include "daemon/admin/admin_reload.h"
#include "daemon/admin/admin_route.h"
#include "daemon/admin/admin_servers.h"
#include "daemon/admin/admin_status.h"
#include "daemon/admin/admin_task.h"
#include "daemon/admin/admin_timeline.h"
#include "daemon/admin/page.h"

#define NONE ADMIN_ROLE_NONE
#define READ ADMIN_ROLE_READ
#define FULL ADMIN_ROLE_FULL
#define API "/api/v1"
#define QUEUE API "/queues/{server}/{queue}"

const struct admin_route admin_routes[] = {
    {"GET", "/healthz", NONE, true, admin_get_health},
    {"GET", "/readyz", NONE, true, admin_get_ready},
    {"GET", "/metrics", READ, false, admin_get_metrics},
    {"GET", API "/status", READ, false, admin_get_status},
    {"GET", API "/servers", READ, false, admin_get_servers},
    {"GET", API "/servers/{server}", READ, false, admin_get_server},
    {"GET", API "/queues", READ, false, admin_get_queues},
    {"GET", QUEUE, READ, false, admin_get_queue},
    {"POST", QUEUE "/pause", FULL, false, admin_post_pause},
    {"POST", QUEUE "/resume", FULL, false, admin_post_resume},
    {"POST", QUEUE "/poll-now", FULL, false, admin_post_poll_now},
    {"GET", API "/outlets", READ, false, admin_get_outlets},
    {"GET", API "/outlets/{outlet}", READ, false, admin_get_outlet},
    {"POST", API "/outlets/{outlet}/lanes/{server}/{queue}/{release}", FULL,
     false, admin_post_release},
    {"GET", API "/outlets/{outlet}/timeline", READ, false,
     admin_get_outlet_timeline},
    {"GET", API "/timeline", READ, false, admin_get_timeline},
    {"GET", API "/inboxes", READ, false, admin_get_inboxes},
    {"GET", API "/inboxes/{inbox}", READ, false, admin_get_inbox},
    {"GET", API "/dead-letters", READ, false, admin_get_letters},
    {"GET", API "/dead-letters/{outlet}/{arrival}", READ, false,
     admin_get_letter},
    {"GET", API "/replays", READ, false, admin_get_replays},
    {"POST", API "/replays", FULL, false, admin_post_replay},
    {"POST", API "/reload", FULL, false, admin_post_reload},
    {"POST", API "/tasks", FULL, false, admin_post_task},
    {"GET", API "/events", READ, false, admin_get_events},
    {"GET", API "/session", READ, true, admin_get_session},
    {"POST", API "/session", NONE, true, admin_post_session},
    {"DELETE", API "/session", READ, true, admin_delete_session},
    {"GET", "/", NONE, true, page_get},
    {"GET", "/{file}", NONE, true, page_get_file},
};

const size_t admin_route_count = sizeof admin_routes / sizeof admin_routes[0];
