/*
 * Handles a request to the control port:
 *   - Method and path select a row of the route table; the query filters by
 *     application and queue.
 *   - The response is JSON: 200, 400 with {"error": ...}, or 404.
 *   - POST /script runs script lines, then opens ports and writes files as
 *     they require.
 */
#include "sim/control.h"

#include <stdlib.h>
#include <string.h>

#include "sim/encoding.h"
#include "sim/json.h"
#include "sim/listener.h"
#include "sim/report.h"
#include "sim/responses.h"
#include "sim/script.h"
#include "sim/server.h"

struct control {
    struct sim_server *server;   /* borrowed */
    struct sim_request *request; /* borrowed */
    struct sim_buffer app;       /* owned; from the query, with NUL, or empty */
    struct sim_buffer queue;     /* the same */
    struct sim_response response;
    bool stop; /* shut down after this response */
};

static bool query_find(const struct control *control, const char *name,
                       struct sim_buffer *to)
{
    const struct sim_buffer *url = &control->request->url;
    const char *question = memchr(url->bytes, '?', url->size);
    if (question == NULL) {
        return false;
    }
    size_t size = (size_t)(url->bytes + url->size - question) - 1;
    if (!sim_form_find(to, question + 1, size, name)) {
        return false;
    }
    sim_buffer_add(to, "", 1);
    return true;
}

static uint64_t query_number(const struct control *control, const char *name,
                             uint64_t otherwise)
{
    struct sim_buffer text = {0};
    uint64_t number = otherwise;
    if (query_find(control, name, &text)) {
        number = strtoull(text.bytes, NULL, 10);
    }
    sim_buffer_free(&text);
    return number;
}

static struct sim_report_filter control_filter(const struct control *control)
{
    return (struct sim_report_filter){
        .app = control->app.bytes,
        .queue = control->queue.bytes,
        .bytes = query_number(control, "bytes", 0) != 0,
    };
}

static void control_fail(struct control *control, size_t line,
                         const char *error)
{
    struct sim_buffer *body = &control->response.body;
    control->response.status = 400;
    sim_buffer_text(body, "{\"ok\":false,");
    if (line > 0) {
        sim_buffer_format(body, "\"line\":%zu,", line);
    }
    sim_buffer_json_pair(body, "error", error);
    sim_buffer_text(body, "}\n");
}

static void run_script(struct control *control)
{
    struct sim_script_result result;
    char error[512];
    const struct sim_buffer *body = &control->request->body;
    bool good = sim_script_run(&control->server->world, body->bytes, body->size,
                               &result);
    if (!sim_server_sync(control->server, error, sizeof error)) {
        control_fail(control, 0, error);
    } else if (!good) {
        control_fail(control, result.line, result.error);
    } else {
        sim_buffer_format(&control->response.body,
                          "{\"ok\":true,\"lines\":%zu,\"fault\":%llu,"
                          "\"message\":%llu,\"count\":%llu}\n",
                          result.line, (unsigned long long)result.fault_id,
                          (unsigned long long)result.message_last,
                          (unsigned long long)result.count);
    }
}

static void run_ready(struct control *control)
{
    sim_report_ready(control->server, &control->response.body);
}

static void run_stats(struct control *control)
{
    struct sim_report_filter filter = control_filter(control);
    sim_report_stats(control->server, &filter, &control->response.body);
}

static void run_messages(struct control *control)
{
    struct sim_report_filter filter = control_filter(control);
    sim_report_messages(control->server, &filter, &control->response.body);
}

static void run_events(struct control *control)
{
    sim_eventlog_write(&control->server->world.log, &control->response.body,
                       query_number(control, "after", 0), control->app.bytes,
                       control->queue.bytes,
                       query_number(control, "limit", UINT64_MAX));
}

static void run_faults(struct control *control)
{
    sim_report_faults(control->server, &control->response.body);
}

static void run_faults_clear(struct control *control)
{
    char error[512];
    sim_faults_remove(&control->server->world.faults, 0);
    if (!sim_server_sync(control->server, error, sizeof error)) {
        control_fail(control, 0, error);
        return;
    }
    sim_buffer_text(&control->response.body, "{\"ok\":true}\n");
}

static void run_shutdown(struct control *control)
{
    control->stop = true;
    sim_buffer_text(&control->response.body, "{\"ok\":true}\n");
}

/* The queue that the query names; otherwise NULL, with an error response. */
static struct sim_queue *query_queue(struct control *control)
{
    if (control->app.bytes == NULL || control->queue.bytes == NULL) {
        control_fail(control, 0, "missing query: ?app=NAME&queue=NAME");
        return NULL;
    }
    struct sim_app *app =
        sim_world_find_app(&control->server->world, control->app.bytes);
    struct sim_queue *queue =
        app == NULL ? NULL
                    : sim_app_find_queue(app, control->queue.bytes,
                                         strlen(control->queue.bytes));
    if (queue == NULL) {
        control_fail(control, 0, "no such queue");
    }
    return queue;
}

/* The body is a JSON array; each element is the data of one message. */
static void run_messages_add(struct control *control)
{
    struct sim_queue *queue = query_queue(control);
    const struct sim_buffer *body = &control->request->body;
    const char *end = body->bytes + body->size;
    if (queue == NULL) {
        return;
    }
    if (body->size == 0 || sim_json_skip(body->bytes, end) != end) {
        control_fail(control, 0, "the body is not valid JSON");
        return;
    }
    const char *at = sim_json_blank(body->bytes, end);
    if (*at != '[') {
        control_fail(control, 0,
                     "the body is not a JSON array of message data");
        return;
    }
    size_t count = 0;
    at = sim_json_blank(at + 1, end);
    while (*at != ']') {
        const char *stop = sim_json_skip(at, end);
        sim_app_add_message(queue->app, queue, -1, at, (size_t)(stop - at));
        at = *stop == ',' ? sim_json_blank(stop + 1, end) : stop;
        count++;
    }
    sim_buffer_format(&control->response.body,
                      "{\"ok\":true,\"count\":%zu,\"message\":%zu}\n", count,
                      queue->app->message_count);
}

struct route {
    enum http_method method;
    const char *path;
    void (*run)(struct control *control);
};

static const struct route routes[] = {
    {HTTP_GET, "/ready", run_ready},
    {HTTP_GET, "/stats", run_stats},
    {HTTP_GET, "/messages", run_messages},
    {HTTP_POST, "/messages", run_messages_add},
    {HTTP_GET, "/events", run_events},
    {HTTP_GET, "/faults", run_faults},
    {HTTP_DELETE, "/faults", run_faults_clear},
    {HTTP_POST, "/script", run_script},
    {HTTP_POST, "/shutdown", run_shutdown},
};

static void control_route(struct control *control)
{
    const struct sim_buffer *url = &control->request->url;
    const char *question = memchr(url->bytes, '?', url->size);
    size_t size =
        question == NULL ? url->size : (size_t)(question - url->bytes);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (routes[i].method == control->request->method &&
            strlen(routes[i].path) == size &&
            memcmp(routes[i].path, url->bytes, size) == 0) {
            routes[i].run(control);
            return;
        }
    }
    control_fail(control, 0, "unknown control request; see haplo-sim(1)");
    control->response.status = 404;
}

void sim_control_run(struct sim_connection *connection)
{
    struct control control = {.server = connection->listener->server,
                              .request = &connection->request};
    struct sim_buffer bytes = {0};
    bool keep = connection->request.keep_alive;
    struct sim_response_how how = {.chunked_bytes = SIZE_MAX, .close = !keep};
    query_find(&control, "app", &control.app);
    query_find(&control, "queue", &control.queue);
    control.response.status = 200;
    control.response.content_type = "application/json";
    control_route(&control);
    sim_response_write(&control.response, &how, &bytes);
    sim_response_free(&control.response);
    sim_buffer_free(&control.app);
    sim_buffer_free(&control.queue);
    sim_connection_answer(
        connection, &bytes,
        (struct sim_delivery){SIZE_MAX, keep ? SIM_AFTER_KEEP : SIM_AFTER_FIN,
                              0, 0});
    if (control.stop) {
        sim_server_stop(control.server);
    }
}
