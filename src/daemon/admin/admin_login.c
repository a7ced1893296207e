#include "daemon/admin/admin_login.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/admin/admin_access.h"
#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_private.h"

#define COOKIE_SIZE_MAX 256

static void reply_session(struct admin_request *request, enum admin_role role,
                          uint64_t expires_at_ms)
{
    struct json_writer json = {0};
    json_object(&json, NULL);
    json_text(&json, "role", role == ADMIN_ROLE_FULL ? "full" : "read");
    json_time(&json, "expires_at", expires_at_ms);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

/* A page that was loaded over TLS, from a proxy, keeps its cookie to TLS. */
static void set_cookie(struct admin_request *request, const char *id,
                       unsigned seconds)
{
    char cookie[COOKIE_SIZE_MAX];
    const char *scheme = admin_header(request, "X-Forwarded-Proto");
    snprintf(cookie, sizeof cookie,
             ADMIN_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; "
                          "Max-Age=%u%s",
             id, seconds,
             scheme != NULL && strcmp(scheme, "https") == 0 ? "; Secure" : "");
    admin_add_header(request, "Set-Cookie", cookie);
}

void admin_get_session(struct admin_request *request)
{
    reply_session(request, request->role,
                  request->session == NULL ? 0
                                           : request->session->expires_at_ms);
}

void admin_post_session(struct admin_request *request)
{
    char token[HAPLO_KEY_SIZE_MAX + 1] = "";
    char why[HAPLO_TEXT_SIZE_MAX];
    char id[ADMIN_SESSION_ID_SIZE];
    const struct admin_field field = {"token", ADMIN_FIELD_TEXT, token,
                                      sizeof token};
    int error = admin_form_read(request->body, request->body_size, &field, 1,
                                why, sizeof why);
    if (request->body != NULL) {
        OPENSSL_cleanse(request->body, request->body_size);
    }
    if (error != 0) {
        admin_reply_error(request, 400, "%s", why);
        return;
    }
    const struct admin_session *session = admin_tokens_login(
        &request->admin->tokens, &request->admin->gather->config->admin, token,
        wall_clock_ms(), id);
    OPENSSL_cleanse(token, sizeof token);
    if (session == NULL) {
        admin_reply_error(request, 401,
                          "that is not the token of admin.token_file or "
                          "admin.read_token_file");
        return;
    }
    reply_session(request, session->role, session->expires_at_ms);
    set_cookie(request, id, ADMIN_SESSION_S);
    OPENSSL_cleanse(id, sizeof id);
}

void admin_delete_session(struct admin_request *request)
{
    struct json_writer json = {0};
    if (request->session != NULL) {
        admin_tokens_logout(request->session);
        request->session = NULL;
    }
    json_object(&json, NULL);
    json_text(&json, "message", "logged out");
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
    set_cookie(request, "", 0);
}
