/*
 * admin_access.c - who asks, and whether the request may go on.
 *
 *   - A request that another site has caused is refused, unless it only opens
 *     the page.
 *   - Over the unix socket, everybody may do everything: its mode says who can
 *     open it.
 *   - Over TCP, the Host must be a known name, and a token or a cookie says
 *     who asks.
 *   - A cookie is sent by the browser for whatever page asks. So a request that
 *     changes something and comes with one needs a header, which only a page
 *     of this origin can set.
 */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "base/wall_clock.h"
#include "daemon/admin/admin_access.h"
#include "daemon/admin/admin_origin.h"
#include "daemon/admin/admin_private.h"

#define BEARER "Bearer "

static const struct config_admin *config_of(const struct admin_request *request)
{
    return &request->admin->gather->config->admin;
}

/* By its token or its cookie. */
static void identify(struct admin_request *request)
{
    struct admin_tokens *tokens = &request->admin->tokens;
    const char *authorization =
        admin_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *cookie = MHD_lookup_connection_value(
        request->connection, MHD_COOKIE_KIND, ADMIN_COOKIE);
    if (authorization != NULL) {
        size_t size = strlen(BEARER);
        if (strncasecmp(authorization, BEARER, size) == 0) {
            request->role = admin_tokens_check(tokens, config_of(request),
                                               authorization + size);
        }
    } else if (cookie != NULL) {
        request->session = admin_tokens_session(tokens, config_of(request),
                                                cookie, wall_clock_ms());
        if (request->session != NULL) {
            request->role = request->session->role;
        }
    }
}

static bool refuse(struct admin_request *request, unsigned status,
                   const char *why)
{
    admin_reply_error(request, status, "%s", why);
    if (status == 401) {
        admin_add_header(request, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    }
    return false;
}

static bool is_foreign(const struct admin_request *request)
{
    return admin_origin_is_foreign(
        admin_header(request, "Sec-Fetch-Site"),
        admin_header(request, MHD_HTTP_HEADER_ORIGIN),
        admin_header(request, MHD_HTTP_HEADER_HOST));
}

static bool check_role(struct admin_request *request,
                       enum admin_role needed_role)
{
    if (request->role >= needed_role) {
        return true;
    }
    return request->role == ADMIN_ROLE_NONE
               ? refuse(request, 401,
                        "send the token of admin.token_file or "
                        "admin.read_token_file, or log in")
               : refuse(request, 403,
                        "this token may only look: use that of "
                        "admin.token_file");
}

bool admin_allows(struct admin_request *request, const char *method,
                  bool is_local)
{
    const struct admin_route *route = request->match.route;
    enum admin_role needed_role = route == NULL ? ADMIN_ROLE_READ : route->role;
    bool is_reading = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if ((!is_reading || needed_role != ADMIN_ROLE_NONE) &&
        is_foreign(request)) {
        return refuse(request, 403, "another site has caused this request");
    }
    if (is_local) {
        request->role = ADMIN_ROLE_FULL;
        return true;
    }
    if (!admin_host_is_known(admin_header(request, MHD_HTTP_HEADER_HOST),
                             config_of(request)->hosts)) {
        return refuse(request, 403,
                      "the Host of this request is not known: see admin.hosts "
                      "in haplo-poll.yaml(5)");
    }
    identify(request);
    if (request->session != NULL && !is_reading &&
        admin_header(request, ADMIN_HEADER) == NULL) {
        return refuse(request, 403, "the header " ADMIN_HEADER " is missing");
    }
    return check_role(request, needed_role);
}
