/*
 * Serves a request, the way a Haplo server does:
 *   - Authenticates it (auth.c). A refused GET learns the reason, a POST does
 *     not.
 *   - Redirects it if its host is an alias, or if the plain port received it.
 *     This comes after authentication.
 *   - Checks the path, the permission, the queue and the method of the queue.
 *   - Fetches, which changes nothing, or marks.
 *
 * Errors of the plugin are HTML pages with status 200; exceptions are 500.
 */
#include "sim/serve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/encoding.h"
#include "sim/formatter.h"
#include "sim/host.h"
#include "sim/listener.h"
#include "sim/server.h"

struct sim_world *sim_turn_world(const struct sim_turn *turn)
{
    return &turn->own->listener->server->world;
}

bool sim_turn_is_post(const struct sim_turn *turn)
{
    return turn->own->request.method != HTTP_GET;
}

void sim_serve_refused_post(struct sim_turn *turn,
                            struct sim_response *response)
{
    char cookie[SIM_COOKIE_SIZE + 1];
    sim_random_letters(&turn->app->random, cookie, SIM_COOKIE_SIZE);
    turn->app->session_count++;
    sim_response_refused_post(response, cookie,
                              turn->own->listener->tls != NULL);
}

static bool must_redirect(const struct sim_turn *turn)
{
    return turn->own->listener->redirects ||
           sim_host_fits(turn->app->settings.alias, &turn->own->request.host);
}

static void serve_fetch(struct sim_turn *turn, struct sim_outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    struct sim_queue *queue = turn->queue;
    sim_queue_fetch(queue, sim_turn_world(turn)->now_ms);
    struct sim_format format = sim_format_batch(queue, &response->body);
    sim_response_simple(response, 200, format.content_type);
    if (format.file_suffix != NULL) {
        response->file_name = queue->name;
        response->file_suffix = format.file_suffix;
    }
    outcome->count = queue->batch_count;
    outcome->has_token = true;
    sim_format_token(queue, &outcome->token);
}

/* The token is read from a form body, or else from the query. */
static bool token_find(struct sim_turn *turn, struct sim_buffer *token)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const struct sim_request *request = &turn->own->request;
    const char *field = turn->app->settings.token_field;
    if (request->content_type.size >= sizeof form - 1 &&
        strncasecmp(request->content_type.bytes, form, sizeof form - 1) == 0 &&
        sim_form_find(token, request->body.bytes, request->body.size, field)) {
        return true;
    }
    return turn->path.query != NULL &&
           sim_form_find(token, turn->path.query, turn->path.query_size, field);
}

/* Marks at most limit ids of a decoded token. As with parseInt() on the
 * server, anything that is not a number marks nothing. */
static uint64_t ids_mark(struct sim_turn *turn, char *ids, uint64_t limit)
{
    int64_t now_ms = sim_turn_world(turn)->now_ms;
    uint64_t marked = 0;
    for (char *at = ids; at != NULL && limit > 0; limit--) {
        struct sim_message *message =
            sim_app_find_message(turn->app, strtoull(at, NULL, 10));
        marked += sim_queue_mark(turn->queue, message, now_ms);
        at = strchr(at, ',');
        at += at != NULL;
    }
    return marked;
}

static uint64_t ids_count(const char *ids)
{
    uint64_t count = 1;
    for (; *ids != '\0'; ids++) {
        count += *ids == ',';
    }
    return count;
}

static void mark_answer(const struct sim_turn *turn,
                        struct sim_outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    int revision = turn->app->settings.revision;
    unsigned long long marked = outcome->count;
    sim_response_simple(response, 200,
                        revision == SIM_REVISION_2020
                            ? "application/json; charset=utf-8"
                            : "text/plain; charset=utf-8");
    if (revision == SIM_REVISION_2019) {
        sim_buffer_format(&response->body, "Marked: %llu", marked);
    } else {
        sim_buffer_format(&response->body,
                          revision == SIM_REVISION_2020
                              ? "{\"markedCount\":%llu,\"unreadCount\":%zu}"
                              : "Marked: %llu, Unread: %zu",
                          marked, turn->queue->unread_count);
    }
}

static void serve_mark(struct sim_turn *turn, struct sim_outcome *outcome)
{
    struct sim_buffer ids = {0};
    struct sim_buffer *token = &outcome->token;
    outcome->has_token = token_find(turn, token);
    turn->queue->mark_count++;
    turn->queue->mark_empty_count += token->size == 0;
    if (!sim_base64_decode(&ids, token->bytes, token->size)) {
        sim_response_exception(&outcome->response);
        sim_buffer_free(&ids);
        return;
    }
    sim_buffer_add(&ids, "", 1);
    bool half = turn->has_fault && turn->fault.kind == SIM_FAULT_HALF_MARK;
    uint64_t limit = half ? ids_count(ids.bytes) / 2 : UINT64_MAX;
    outcome->count = ids_mark(turn, ids.bytes, limit);
    if (half) {
        sim_response_exception(&outcome->response);
    } else {
        mark_answer(turn, outcome);
    }
    sim_buffer_free(&ids);
}

/* Everything that follows once the key is accepted. */
static void serve_authenticated(struct sim_turn *turn,
                                const struct sim_key *key,
                                struct sim_outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    const struct sim_request *request = &turn->own->request;
    if (request->method != HTTP_GET && request->method != HTTP_POST) {
        sim_response_not_found(response);
    } else if (must_redirect(turn)) {
        /* Its URL has the path in front already. */
        size_t skipped = strlen(turn->app->settings.path);
        sim_response_redirect(response, turn->app->url,
                              request->url.bytes + skipped,
                              request->url.size - skipped);
    } else if (turn->path.verb == SIM_VERB_OTHER) {
        sim_response_bad_path(response);
    } else if (key->status == SIM_KEY_UNPERMITTED) {
        sim_response_error_page(
            response, "You are not permitted to perform this action.");
    } else if (turn->queue == NULL) {
        sim_response_error_page(response, "Group not defined");
    } else if (turn->queue->settings.method != 0) {
        sim_response_error_page(response, "Not a poll message queue");
    } else if (turn->path.verb == SIM_VERB_FETCH) {
        serve_fetch(turn, outcome);
    } else {
        serve_mark(turn, outcome);
    }
}

void sim_serve(struct sim_turn *turn, struct sim_outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    const struct sim_connection *connection = turn->own;
    const struct sim_request *request = &connection->request;
    struct sim_key *key = NULL;
    if (!turn->app->settings.active || !turn->path.poll) {
        if (sim_turn_is_post(turn)) {
            sim_serve_refused_post(turn, response);
        } else if (turn->path.poll) {
            sim_response_no_application(response, true);
        } else {
            sim_response_not_found(response);
        }
        return;
    }
    enum sim_auth_outcome refused = sim_auth_check(
        turn->app,
        request->has_authorization ? request->authorization.bytes : NULL,
        request->authorization.size, connection->address, request->url.bytes,
        request->url.size, sim_turn_world(turn)->now_ms, &key);
    if (refused == SIM_AUTH_OK) {
        serve_authenticated(turn, key, outcome);
    } else if (sim_turn_is_post(turn)) {
        sim_serve_refused_post(turn, response);
    } else {
        sim_response_refused(response, refused,
                             turn->app->settings.revision != SIM_REVISION_2019);
    }
}
