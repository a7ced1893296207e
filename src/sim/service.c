/*
 * A request:
 *   - finds its application by host name, its queue by the path as sent.
 *   - waits in a fair queue while 8 others of the application are running, and
 *     then for the application's latency.
 *   - is authenticated (auth.c); a refused GET learns why, a POST does not.
 *   - is redirected when the host is not the primary one or https is wanted:
 *     only after its key was accepted.
 *   - is checked: path, permission, queue, method of the queue.
 *   - fetches (nothing changes) or marks.
 *   - is answered, unless a fault has it otherwise, and logged.
 */
#include "sim/service.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/encoding.h"
#include "sim/formatter.h"
#include "sim/listener.h"
#include "sim/responses.h"
#include "sim/server.h"
#include "sim/spoil.h"

struct outcome {
    struct sim_response response; /* */
    uint64_t count;               /* messages returned or marked */
    struct sim_buffer token;      /* owned */
    bool has_token;               /* */
};

static struct sim_world *turn_world(const struct sim_turn *turn)
{
    return &turn->own->listener->server->world;
}

static bool is_post(const struct sim_turn *turn)
{
    return turn->own->request.method != HTTP_GET;
}

static void refuse_post(struct sim_turn *turn, struct sim_response *response)
{
    char cookie[SIM_COOKIE_SIZE + 1];
    sim_random_letters(&turn->app->random, cookie, SIM_COOKIE_SIZE);
    turn->app->session_count++;
    sim_response_refused_post(response, cookie,
                              turn->own->listener->tls != NULL);
}

static bool list_has(const char *list, const char *name, size_t size)
{
    while (*list != '\0') {
        size_t item = strcspn(list, ",");
        if (item == size && strncasecmp(list, name, size) == 0) {
            return true;
        }
        list += item + (list[item] == ',');
    }
    return false;
}

/* The host name of the Host header, without its port. */
static size_t host_size(const struct sim_buffer *host)
{
    size_t size = host->size;
    while (size > 0 && host->bytes[size - 1] >= '0' &&
           host->bytes[size - 1] <= '9') {
        size--;
    }
    return size > 0 && host->bytes[size - 1] == ':' ? size - 1 : host->size;
}

static bool app_has_host(const struct sim_app *app, const char *host,
                         size_t size)
{
    return list_has(app->settings.host, host, size) ||
           list_has(app->settings.alias, host, size);
}

/* The application for a host name; an address of loopback is the owner of the
 * port, for whoever has no names. */
static struct sim_app *app_find(const struct sim_connection *connection)
{
    const struct sim_listener *listener = connection->listener;
    const struct sim_buffer *host = &connection->request.host;
    const struct sim_world *world = &listener->server->world;
    size_t size = host_size(host);
    if (app_has_host(listener->app, host->bytes, size) ||
        list_has("127.0.0.1,[::1]", host->bytes, size)) {
        return listener->app;
    }
    for (size_t i = 0; i < world->app_count; i++) {
        struct sim_app *app = world->apps[i];
        if (app->server == listener->app &&
            app_has_host(app, host->bytes, size)) {
            return app;
        }
    }
    return NULL;
}

static bool must_redirect(const struct sim_turn *turn)
{
    const struct sim_buffer *host = &turn->own->request.host;
    return turn->own->listener->redirects ||
           list_has(turn->app->settings.alias, host->bytes, host_size(host));
}

static void serve_fetch(struct sim_turn *turn, struct outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    struct sim_queue *queue = turn->queue;
    sim_queue_fetch(queue, turn_world(turn)->now_ms);
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

/* Posted bodies count only as a form; a token in the query counts as well. */
static bool token_find(struct sim_turn *turn, struct sim_buffer *token)
{
    static const char form[] = "application/x-www-form-urlencoded";
    const struct sim_request *request = &turn->own->request;
    if (request->content_type.size >= sizeof form - 1 &&
        strncasecmp(request->content_type.bytes, form, sizeof form - 1) == 0 &&
        sim_form_find(token, request->body.bytes, request->body.size,
                      "token")) {
        return true;
    }
    return turn->path.query != NULL &&
           sim_form_find(token, turn->path.query, turn->path.query_size,
                         "token");
}

/* Marks the ids of a decoded token, up to limit of them. Whatever is not a
 * number marks nothing, as with parseInt(). */
static uint64_t ids_mark(struct sim_turn *turn, char *ids, uint64_t limit)
{
    int64_t now_ms = turn_world(turn)->now_ms;
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

static void mark_answer(const struct sim_turn *turn, struct outcome *outcome)
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

static void serve_mark(struct sim_turn *turn, struct outcome *outcome)
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

/* What follows once the key is accepted. */
static void serve_authenticated(struct sim_turn *turn,
                                const struct sim_key *key,
                                struct outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    const struct sim_request *request = &turn->own->request;
    if (request->method != HTTP_GET && request->method != HTTP_POST) {
        sim_response_not_found(response);
    } else if (must_redirect(turn)) {
        sim_response_redirect(response, turn->app->url, request->url.bytes,
                              request->url.size);
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

static void serve(struct sim_turn *turn, struct outcome *outcome)
{
    struct sim_response *response = &outcome->response;
    const struct sim_connection *connection = turn->own;
    const struct sim_request *request = &connection->request;
    struct sim_key *key = NULL;
    if (!turn->app->settings.active || !turn->path.poll) {
        if (is_post(turn)) {
            refuse_post(turn, response);
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
        request->url.size, turn_world(turn)->now_ms, &key);
    if (refused == SIM_AUTH_OK) {
        serve_authenticated(turn, key, outcome);
    } else if (is_post(turn)) {
        refuse_post(turn, response);
    } else {
        sim_response_refused(response, refused,
                             turn->app->settings.revision != SIM_REVISION_2019);
    }
}

static const char *verb_name(const struct sim_turn *turn)
{
    switch (turn->path.verb) {
    case SIM_VERB_FETCH:
        return "fetch";
    case SIM_VERB_MARK:
        return "mark";
    default:
        return "other";
    }
}

static void turn_log(const struct sim_turn *turn, const struct outcome *outcome,
                     int status)
{
    struct sim_world *world = turn_world(turn);
    struct sim_event event = {
        .time_ms = world->now_ms,
        .app = turn->app->name,
        .verb = verb_name(turn),
        .status = status,
        .count = outcome->count,
        .connection = turn->own->id,
        .fault = turn->has_fault ? sim_fault_name(turn->fault.kind) : NULL,
        .wait_ms = world->now_ms - turn->start_ms,
    };
    if (turn->queue != NULL) {
        event.queue = turn->queue->name;
        event.unread = turn->queue->unread_count;
    }
    sim_eventlog_add(&world->log, event,
                     outcome->has_token ? outcome->token.bytes : NULL,
                     outcome->token.size);
}

static bool wants_gzip(const struct sim_request *request)
{
    const struct sim_buffer *encoding = &request->encoding;
    return encoding->size >= 4 &&
           memmem(encoding->bytes, encoding->size, "gzip", 4) != NULL;
}

/* Writes and sends an answer; fault NULL: as it is. */
static void answer(struct sim_connection *connection,
                   struct sim_response *response,
                   const struct sim_settings *settings,
                   const struct sim_fault *fault)
{
    struct sim_buffer bytes = {0};
    const struct sim_request *request = &connection->request;
    bool keep = request->keep_alive;
    struct sim_response_how how = {
        .gzip = settings != NULL && settings->gzip && wants_gzip(request),
        .chunked_bytes = settings == NULL ? SIZE_MAX : settings->chunked_bytes,
        .close = !keep,
    };
    struct sim_delivery delivery = {
        SIZE_MAX, keep ? SIM_AFTER_KEEP : SIM_AFTER_FIN, 0, 0};
    response->no_body = request->method == HTTP_HEAD;
    if (response->status != 0) {
        sim_response_write(response, &how, &bytes);
    }
    if (fault != NULL) {
        sim_spoil_delivery(fault, &bytes, &delivery);
    }
    if (bytes.size == 0 && delivery.after == SIM_AFTER_KEEP) {
        delivery.after = SIM_AFTER_STALL; /* done=no, and nothing to say */
    }
    sim_response_free(response);
    sim_connection_answer(connection, &bytes, delivery);
}

static void turn_next(struct sim_app *app);

static void turn_finish(struct sim_connection *connection)
{
    struct sim_turn *turn = &connection->turn;
    struct sim_app *app = turn->app;
    const struct sim_fault *fault = turn->has_fault ? &turn->fault : NULL;
    struct outcome outcome = {0};
    if (fault == NULL || sim_fault_is_done(fault)) {
        serve(turn, &outcome);
    }
    if (fault != NULL) {
        sim_spoil_response(fault, &outcome.response);
    }
    turn_log(turn, &outcome, sim_spoil_status(fault, &outcome.response));
    sim_buffer_free(&outcome.token);
    app->running_count--;
    turn_next(app);
    answer(connection, &outcome.response, &app->settings, fault);
}

static int64_t turn_delay(struct sim_turn *turn)
{
    const struct sim_settings *settings = &turn->app->settings;
    int64_t delay = settings->latency_ms;
    if (settings->latency_jitter_ms > 0) {
        delay += (int64_t)sim_random_below(
            &turn->app->random, (uint64_t)settings->latency_jitter_ms + 1);
    }
    if (turn->has_fault && turn->fault.kind == SIM_FAULT_DELAY) {
        delay += turn->fault.for_ms;
    }
    return delay;
}

static void turn_start(struct sim_turn *turn)
{
    struct sim_app *app = turn->app;
    app->running_count++;
    if (app->running_count > app->running_peak) {
        app->running_peak = app->running_count;
    }
}

/* Lets the first of the fair queue run. Always by a timer, for else a long
 * queue would be worked off in recursion. */
static void turn_next(struct sim_app *app)
{
    struct sim_turn *turn = app->waiting_first;
    if (turn == NULL || app->running_count >= app->settings.running_max) {
        return;
    }
    app->waiting_first = turn->next;
    app->waiting_count--;
    turn_start(turn);
    sim_connection_wait(turn->own, turn_delay(turn), turn_finish);
}

static void turn_queue(struct sim_turn *turn)
{
    struct sim_app *app = turn->app;
    turn->next = NULL;
    if (app->waiting_first == NULL) {
        app->waiting_first = turn;
    } else {
        app->waiting_last->next = turn;
    }
    app->waiting_last = turn;
    if (++app->waiting_count > app->waiting_peak) {
        app->waiting_peak = app->waiting_count;
    }
}

static void turn_prepare(struct sim_turn *turn, struct sim_app *app)
{
    const struct sim_request *request = &turn->own->request;
    struct sim_world *world = turn_world(turn);
    turn->app = app;
    turn->start_ms = world->now_ms;
    turn->path = sim_path_parse(request->url.bytes, request->url.size);
    turn->queue =
        turn->path.queue == NULL
            ? NULL
            : sim_app_find_queue(app, turn->path.queue, turn->path.queue_size);
    app->request_count++;
    if (turn->queue != NULL) {
        turn->queue->request_count++;
    }
    const struct sim_fault *fault = sim_faults_strike(
        &world->faults, app->name,
        turn->queue == NULL ? NULL : turn->queue->name, turn->path.verb);
    turn->has_fault = fault != NULL;
    if (fault != NULL) {
        turn->fault = *fault;
    }
}

/* Requests that the HTTP layer answers itself, before any application. */
static bool answer_early(struct sim_connection *connection,
                         struct sim_response *response)
{
    static const char multipart[] = "multipart/";
    const struct sim_request *request = &connection->request;
    if (request->method == HTTP_HEAD) {
        sim_response_not_found(response);
        sim_buffer_free(&response->body);
        return true;
    }
    if (request->method != HTTP_GET && request->method != HTTP_POST &&
        request->method != HTTP_PUT && request->method != HTTP_DELETE) {
        sim_response_method(response, http_method_str(request->method));
        return true;
    }
    if (request->body_bytes >= SIM_BODY_BYTES_MAX ||
        (request->content_type.size >= sizeof multipart - 1 &&
         strncasecmp(request->content_type.bytes, multipart,
                     sizeof multipart - 1) == 0)) {
        sim_response_internal(response);
        return true;
    }
    return false;
}

static void answer_unknown_host(struct sim_connection *connection,
                                struct sim_response *response)
{
    connection->turn.app = connection->listener->app;
    if (is_post(&connection->turn)) {
        refuse_post(&connection->turn, response);
    } else {
        sim_response_no_application(response, false);
    }
}

void sim_service_run(struct sim_connection *connection)
{
    struct sim_turn *turn = &connection->turn;
    struct sim_response response = {0};
    if (answer_early(connection, &response)) {
        answer(connection, &response, NULL, NULL);
        return;
    }
    struct sim_app *app = app_find(connection);
    if (app == NULL) {
        answer_unknown_host(connection, &response);
        answer(connection, &response, NULL, NULL);
        return;
    }
    turn_prepare(turn, app);
    if (app->running_count >= app->settings.running_max ||
        app->waiting_first != NULL) {
        turn_queue(turn);
        return;
    }
    turn_start(turn);
    int64_t delay_ms = turn_delay(turn);
    if (delay_ms == 0) {
        turn_finish(connection);
    } else {
        sim_connection_wait(connection, delay_ms, turn_finish);
    }
}

void sim_service_abandon(struct sim_app *app)
{
    app->waiting_first = NULL;
}
