#include "daemon/admin/admin_actions.h"

#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_object.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_queue.h"
#include "daemon/gather/gather_pause.h"
#include "daemon/gather/pauses.h"
#include "daemon/log/log.h"
#include "daemon/observe/observer_fleet.h"
#include "daemon/task/release.h"

static void reply_queue(struct admin_request *request,
                        const struct gather_queue *queue)
{
    struct json_writer json = {0};
    admin_write_queue(&json, NULL, queue);
    admin_reply_json(request, 200, &json);
}

/* Pauses. A command that does not keep them, such as once, refuses. */

static struct pauses *pauses_of(struct admin_request *request)
{
    struct pauses *pauses = request->admin->gather->options.pauses;
    if (pauses == NULL) {
        admin_reply_error(request, 409,
                          "this process ends by itself: queues are paused "
                          "while `haplo-poll run` is running");
    }
    return pauses;
}

static int read_pause(const struct admin_request *request, struct pause *pause,
                      char *why, size_t why_size)
{
    const struct admin_field fields[] = {
        {"reason", ADMIN_FIELD_TEXT, pause->reason, sizeof pause->reason},
        {"by", ADMIN_FIELD_TEXT, pause->by, sizeof pause->by},
    };
    pause->at_ms = wall_clock_ms();
    snprintf(pause->by, sizeof pause->by, "operator");
    return admin_form_read(request->body, request->body_size, fields,
                           sizeof fields / sizeof fields[0], why, why_size);
}

/* Logs what an operator has done to a queue. */
static void tell(const struct gather_queue *queue, const char *event,
                 const char *text)
{
    const struct log_field fields[] = {
        {.name = "event", .text = event},
        {.name = "server", .text = queue->server->name},
        {.name = "queue", .text = queue->config->name},
    };
    log_fields(LOG_LEVEL_INFO, fields, sizeof fields / sizeof *fields, text);
}

static void tell_pause(const struct gather_queue *queue,
                       const struct pause *pause)
{
    char text[sizeof *pause + sizeof ": paused by : "];
    (void)snprintf(text, sizeof text, "%s: paused by %s%s%s", pause->name,
                   pause->by, pause->reason[0] == '\0' ? "" : ": ",
                   pause->reason);
    tell(queue, "paused", text);
}

void admin_post_pause(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct pause pause = {0};
    struct gather_queue *queue = admin_find_queue(request);
    struct pauses *pauses = queue == NULL ? NULL : pauses_of(request);
    if (pauses == NULL) {
        return;
    }
    if (read_pause(request, &pause, why, sizeof why) != 0) {
        admin_reply_error(request, 400, "%s", why);
        return;
    }
    gather_queue_name(queue, pause.name);
    int error = pauses_add(pauses, &pause, why, sizeof why);
    gather_pause_apply(queue);
    if (error == 0 || error == HAPLO_EDELIVERY) {
        tell_pause(queue, &pause); /* it holds, even if it is not kept */
    }
    if (error != 0) {
        admin_reply_error(request, error == HAPLO_ETOOBIG ? 409 : 500, "%s%s",
                          error == HAPLO_EDELIVERY
                              ? "it is paused, but not after a restart: "
                              : "",
                          why);
        return;
    }
    reply_queue(request, queue);
}

void admin_post_resume(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char text[GATHER_NAME_SIZE + sizeof ": resumed"];
    char name[GATHER_NAME_SIZE];
    struct gather_queue *queue = admin_find_queue(request);
    struct pauses *pauses = queue == NULL ? NULL : pauses_of(request);
    if (pauses == NULL) {
        return;
    }
    gather_queue_name(queue, name);
    int error = pauses_remove(pauses, name, why, sizeof why);
    gather_pause_apply(queue);
    (void)snprintf(text, sizeof text, "%s: resumed", name);
    tell(queue, "resumed", text);
    if (error != 0) {
        admin_reply_error(request, 500,
                          "it is resumed, but paused again after a restart: %s",
                          why);
        return;
    }
    reply_queue(request, queue);
}

static void reply_elsewhere(struct admin_request *request,
                            const struct gather_queue *queue)
{
    const char *host = observer_fleet_owner(&queue->server->gather->observer,
                                            queue->server->name);
    admin_reply_error(request, 409,
                      "another host polls the queue: ask haplo-poll on %s",
                      host == NULL ? "the host that takes it over" : host);
}

void admin_post_poll_now(struct admin_request *request)
{
    struct gather_queue *queue = admin_find_queue(request);
    if (queue == NULL) {
        return;
    }
    if (admin_health_of_queue(queue) == ADMIN_HEALTH_ELSEWHERE) {
        reply_elsewhere(request, queue);
        return;
    }
    if (queue->queue == NULL) {
        admin_reply_error(request, 409,
                          "the queue is held: correct what is wrong with it "
                          "first; see its cause");
        return;
    }
    haplo_queue_poll_now(queue->queue);
    reply_queue(request, queue);
}

/* Lanes */

static int read_release(const struct admin_request *request,
                        struct release *release, char *why, size_t why_size)
{
    char line[4 * ADMIN_PARAMETER_SIZE];
    snprintf(
        line, sizeof line, "%s %s %s/%s", admin_parameter(request, "release"),
        admin_parameter(request, "outlet"), admin_parameter(request, "server"),
        admin_parameter(request, "queue"));
    return release_parse(release, line, why, why_size);
}

void admin_post_release(struct admin_request *request)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    struct json_writer json = {0};
    struct release release;
    if (read_release(request, &release, text, sizeof text) != 0) {
        admin_reply_error(request, 404, "%s", text);
        return;
    }
    enum exit_code code =
        release_do(request->admin->gather, &release, text, sizeof text);
    if (code != EXIT_CODE_FINE) {
        admin_reply_error(request, code == EXIT_CODE_USAGE ? 404 : 409, "%s",
                          text);
        return;
    }
    json_object(&json, NULL);
    json_text(&json, "message", text);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}
