/*
 * The path of a request from its arrival to its response:
 *   - Its application is found by host name, its queue by the path as sent.
 *   - While 8 others of the application are running it waits, first come,
 *     first served. Then the latency of the application passes.
 *   - serve.c serves it.
 *   - A fault may spoil the response. It is logged and sent.
 */
#include "sim/service.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "sim/host.h"
#include "sim/listener.h"
#include "sim/serve.h"
#include "sim/server.h"
#include "sim/spoil.h"

#define HELD_MS 5 /* until it is looked whether the fault was cleared */

static bool app_has_host(const struct sim_app *app,
                         const struct sim_buffer *host)
{
    return sim_host_fits(app->settings.host, host) ||
           sim_host_fits(app->settings.alias, host);
}

/* Finds the application by host name. A loopback address means the owner of
 * the port, for clients that cannot resolve host names. */
static struct sim_app *app_find(const struct sim_connection *connection)
{
    const struct sim_listener *listener = connection->listener;
    const struct sim_buffer *host = &connection->request.host;
    const struct sim_world *world = &listener->server->world;
    if (app_has_host(listener->app, host) ||
        sim_host_fits("127.0.0.1,[::1]", host)) {
        return listener->app;
    }
    for (size_t i = 0; i < world->app_count; i++) {
        struct sim_app *app = world->apps[i];
        if (app->server == listener->app && app_has_host(app, host)) {
            return app;
        }
    }
    return NULL;
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

static void turn_log(const struct sim_turn *turn,
                     const struct sim_outcome *outcome, int status)
{
    struct sim_world *world = sim_turn_world(turn);
    struct sim_event event = {
        .time_ms = world->now_ms,
        .app = turn->app->name,
        .verb = verb_name(turn),
        .status = status,
        .count = outcome->count,
        .connection = turn->own->id,
        .fault = turn->has_fault ? sim_fault_name(turn->fault.kind) : NULL,
        .gone = turn->own->state == SIM_CONNECTION_CLOSED,
        .wait_ms = world->now_ms - turn->start_ms,
    };
    (void)snprintf(event.peer, sizeof event.peer, "%s", turn->own->address);
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

/* Writes and sends a response, spoiled by fault unless that is NULL. */
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
        delivery.after = SIM_AFTER_STALL; /* done=no: no response at all */
    }
    sim_response_free(response);
    sim_connection_answer(connection, &bytes, delivery);
}

static void turn_next(struct sim_app *app);

/* True while the request waits for its fault to be cleared. */
static bool is_held(const struct sim_turn *turn)
{
    return turn->has_fault && turn->fault.kind == SIM_FAULT_DELAY &&
           turn->fault.for_ms == 0 &&
           sim_faults_have(&sim_turn_world(turn)->faults, turn->fault.id);
}

static void turn_finish(struct sim_connection *connection)
{
    struct sim_turn *turn = &connection->turn;
    if (is_held(turn)) {
        sim_connection_wait(connection, HELD_MS, turn_finish);
        return;
    }
    struct sim_app *app = turn->app;
    const struct sim_fault *fault = turn->has_fault ? &turn->fault : NULL;
    struct sim_outcome outcome = {0};
    if (fault == NULL || sim_fault_is_done(fault)) {
        sim_serve(turn, &outcome);
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

/* Starts the first waiting request. Always through a timer: calling it
 * directly would recurse once per waiting request. */
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
    struct sim_world *world = sim_turn_world(turn);
    turn->app = app;
    turn->start_ms = world->now_ms;
    turn->path =
        sim_path_parse(&app->settings, request->url.bytes, request->url.size);
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

/* Handles requests that the HTTP layer rejects before any application. */
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

/* Logs it for the owner of the port, as no application was found. */
static void answer_without_app(struct sim_connection *connection,
                               struct sim_response *response)
{
    struct sim_world *world = &connection->listener->server->world;
    sim_eventlog_add(&world->log,
                     (struct sim_event){.time_ms = world->now_ms,
                                        .app = connection->listener->app->name,
                                        .verb = "other",
                                        .status = response->status,
                                        .connection = connection->id},
                     NULL, 0);
    answer(connection, response, NULL, NULL);
}

static void answer_unknown_host(struct sim_connection *connection,
                                struct sim_response *response)
{
    connection->turn.app = connection->listener->app;
    if (sim_turn_is_post(&connection->turn)) {
        sim_serve_refused_post(&connection->turn, response);
    } else {
        sim_response_no_application(response, false);
    }
}

void sim_service_run(struct sim_connection *connection)
{
    struct sim_turn *turn = &connection->turn;
    struct sim_response response = {0};
    if (answer_early(connection, &response)) {
        answer_without_app(connection, &response);
        return;
    }
    struct sim_app *app = app_find(connection);
    if (app == NULL) {
        answer_unknown_host(connection, &response);
        answer_without_app(connection, &response);
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
