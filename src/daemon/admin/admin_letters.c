/*
 * admin_letters.c - lists dead letters and replays, and starts a replay.
 *
 * The callbacks of a view run on its thread, and touch nothing but the view.
 */
#include "daemon/admin/admin_letters.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wall_clock.h"
#include "config/units.h"
#include "daemon/admin/admin_form.h"
#include "daemon/admin/admin_page.h"
#include "daemon/admin/admin_private.h"
#include "daemon/admin/admin_view.h"
#include "daemon/task/task_run.h"

#define NUMBER_SIZE 24

/* Dead letters */

static void write_letter(struct json_writer *json, const char *name,
                         const struct inbox_letter *letter)
{
    json_object(json, name);
    json_count(json, "arrival", letter->message.arrival);
    json_text(json, "outlet", letter->outlet);
    json_text(json, "server", letter->message.server);
    json_text(json, "queue", letter->message.queue);
    json_time(json, "refused_at", letter->at_ms);
    json_count(json, "attempts", letter->attempts);
    json_text(json, "reason", letter->why);
    json_object_end(json);
}

static bool on_letter(const struct inbox_letter *letter, void *data)
{
    struct admin_view *view = data;
    if (letter->message.arrival <= view->after) {
        return true;
    }
    if (view->count == view->limit) {
        view->has_next = true;
        return false;
    }
    view->count++;
    view->last = letter->message.arrival;
    write_letter(&view->json, NULL, letter);
    return !view->json.is_failed;
}

static void reply_letters(struct admin_view *view)
{
    char next[NUMBER_SIZE];
    snprintf(next, sizeof next, "%" PRIu64, view->last);
    json_array_end(&view->json);
    json_text(&view->json, "next", view->has_next ? next : NULL);
    json_object_end(&view->json);
    admin_reply_json(view->request, 200, &view->json);
}

/* False after replying that a parameter is not valid. */
static bool read_page(struct admin_view *view)
{
    const char *limit = admin_query(view->request, "limit");
    const char *after = admin_query(view->request, "after");
    const char *queue = admin_query(view->request, "queue");
    view->limit = ADMIN_PAGE_LIMIT_DEFAULT;
    if ((limit != NULL &&
         (count_parse(limit, &view->limit) != 0 || view->limit == 0 ||
          view->limit > ADMIN_PAGE_LIMIT_MAX)) ||
        (after != NULL && count_parse(after, &view->after) != 0) ||
        (queue != NULL && strlen(queue) >= sizeof view->queue)) {
        admin_reply_error(view->request, 400,
                          "limit, after or queue is not valid: see "
                          "docs/openapi.yaml");
        return false;
    }
    snprintf(view->queue, sizeof view->queue, "%s", queue == NULL ? "" : queue);
    return true;
}

void admin_get_letters(struct admin_request *request)
{
    struct admin_view *view =
        admin_view_new(request, admin_query(request, "outlet"));
    if (view == NULL) {
        return;
    }
    if (!read_page(view)) {
        admin_view_free(view);
        return;
    }
    view->view.letter_cb = on_letter;
    json_object(&view->json, NULL);
    json_array(&view->json, "dead_letters");
    admin_view_start(view, reply_letters);
}

/* One dead letter */

static bool on_one_letter(const struct inbox_letter *letter, void *data)
{
    struct admin_view *view = data;
    struct json_writer *json = &view->json;
    view->count++;
    json_object(json, NULL);
    write_letter(json, "dead_letter", letter);
    if (letter->is_gone) {
        json_null(json, "size");
    } else {
        json_count(json, "size", letter->message.body.size);
    }
    if (letter->is_gone || !view->has_body) {
        json_null(json, "body");
    } else {
        json_slice(json, "body", letter->message.body);
    }
    json_object_end(json);
    return false;
}

static void reply_letter(struct admin_view *view)
{
    if (view->count == 0) {
        admin_reply_error(view->request, 404,
                          "message %" PRIu64 " is no dead letter of outlet %s",
                          view->view.filter.arrival, view->outlet);
        return;
    }
    admin_reply_json(view->request, 200, &view->json);
}

void admin_get_letter(struct admin_request *request)
{
    const char *body = admin_query(request, "body");
    bool has_body = body != NULL && strcmp(body, "true") == 0;
    uint64_t arrival;
    if (count_parse(admin_parameter(request, "arrival"), &arrival) != 0 ||
        arrival == 0) {
        admin_reply_error(request, 404, "%s is not the arrival of a message",
                          admin_parameter(request, "arrival"));
        return;
    }
    if (has_body && request->role != ADMIN_ROLE_FULL) {
        admin_reply_error(request, 403,
                          "this token may not see messages: use that of "
                          "admin.token_file");
        return;
    }
    struct admin_view *view =
        admin_view_new(request, admin_parameter(request, "outlet"));
    if (view != NULL) {
        view->has_body = has_body;
        view->view.filter.arrival = arrival;
        view->view.letter_cb = on_one_letter;
        admin_view_start(view, reply_letter);
    }
}

/* Replays */

static bool on_replay(const struct inbox_replay *replay, void *data)
{
    struct admin_view *view = data;
    struct json_writer *json = &view->json;
    const char *why = replay->why.text;
    json_object(json, NULL);
    json_count(json, "number", replay->id);
    json_text(json, "outlet", replay->outlet);
    json_text(json, "queue", replay->queue[0] == '\0' ? NULL : replay->queue);
    json_text(json, "state", inbox_replay_state_name(replay));
    json_time(json, "created_at", replay->created_at_ms);
    json_count(json, "delivered", replay->delivered_count);
    json_count(json, "refused", replay->refused_count);
    json_count(json, "at_arrival", replay->cursor);
    json_count(json, "last_arrival", replay->last);
    json_bool(json, "is_of_dead_letters", replay->is_of_letters);
    json_bool(json, "has_new_identity", replay->has_new_ids);
    json_text(json, "cause", why[0] == '\0' ? NULL : why);
    json_object_end(json);
    return ++view->count < ADMIN_PAGE_LIMIT_MAX && !json->is_failed;
}

static void reply_replays(struct admin_view *view)
{
    json_array_end(&view->json);
    json_object_end(&view->json);
    admin_reply_json(view->request, 200, &view->json);
}

void admin_get_replays(struct admin_request *request)
{
    struct admin_view *view =
        admin_view_new(request, admin_query(request, "outlet"));
    if (view != NULL) {
        view->view.replay_cb = on_replay;
        json_object(&view->json, NULL);
        json_array(&view->json, "replays");
        admin_view_start(view, reply_replays);
    }
}

/* Starting one */

static void reply_result(struct admin_request *request, enum exit_code code,
                         const char *text)
{
    struct json_writer json = {0};
    if (code != EXIT_CODE_FINE) {
        admin_reply_error(request, code == EXIT_CODE_USAGE ? 400 : 409, "%s",
                          text);
        return;
    }
    json_object(&json, NULL);
    json_text(&json, "message", text);
    json_object_end(&json);
    admin_reply_json(request, 200, &json);
}

static void on_started(enum exit_code code, const char *text, void *data)
{
    reply_result(data, code, text);
}

/* The inbox has told where the messages in question begin and end. */
static void start_replay(struct admin_view *view)
{
    struct admin *admin = view->views->admin;
    const struct gather_outlet *outlet =
        admin_is_readable(admin)
            ? gather_find_outlet(admin->gather, view->outlet)
            : NULL;
    if (outlet == NULL) {
        admin_reply_error(view->request, 503, "outlet %s is closing",
                          view->outlet);
        return;
    }
    if (view->first == 0) {
        reply_result(view->request, EXIT_CODE_FINE,
                     "there are no such messages: nothing is sent");
        return;
    }
    struct task_request task = {
        .kind = INBOX_TASK_REPLAY_START,
        .since_ms = view->view.filter.since_ms,
        .until_ms = view->view.filter.until_ms,
        .arrival = view->view.filter.arrival,
        .first = view->first,
        .last = view->last,
        .is_of_letters = view->view.letter_cb != NULL,
        .has_new_ids = view->has_new_ids,
    };
    snprintf(task.inbox, sizeof task.inbox, "%s", outlet->config->inbox->name);
    snprintf(task.outlet, sizeof task.outlet, "%s", view->outlet);
    snprintf(task.queue, sizeof task.queue, "%s", view->queue);
    task_run(admin->gather, &task, on_started, view->request);
}

/* Notes the first and last dead letter. */
static bool on_range(const struct inbox_letter *letter, void *data)
{
    struct admin_view *view = data;
    uint64_t arrival = letter->message.arrival;
    view->first = view->first == 0 ? arrival : view->first;
    view->last = arrival;
    return true;
}

/* What the body of the request says. */
struct replay_form {
    char outlet[ADMIN_PARAMETER_SIZE];   /* its name */
    char queue[INBOX_REPLAY_QUEUE_SIZE]; /* pattern, or "" */
    char since[WALL_CLOCK_TEXT_SIZE];    /* time, or "" */
    char until[WALL_CLOCK_TEXT_SIZE];    /* time, or "" */
    uint64_t arrival;                    /* only this dead letter, or 0 */
    bool is_of_letters;                  /* dead letters */
    bool has_new_ids;                    /* see message_id.h */
};

static int read_form(const struct admin_request *request,
                     struct replay_form *form, char *why, size_t why_size)
{
    const struct admin_field fields[] = {
        {"outlet", ADMIN_FIELD_TEXT, form->outlet, sizeof form->outlet},
        {"queue", ADMIN_FIELD_TEXT, form->queue, sizeof form->queue},
        {"since", ADMIN_FIELD_TEXT, form->since, sizeof form->since},
        {"until", ADMIN_FIELD_TEXT, form->until, sizeof form->until},
        {"arrival", ADMIN_FIELD_COUNT, &form->arrival, 0},
        {"dead_letters", ADMIN_FIELD_BOOL, &form->is_of_letters, 0},
        {"new_identity", ADMIN_FIELD_BOOL, &form->has_new_ids, 0},
    };
    *form = (struct replay_form){0};
    return admin_form_read(request->body, request->body_size, fields,
                           sizeof fields / sizeof fields[0], why, why_size);
}

/* False if what is asked for cannot be understood. */
static bool fill_view(struct admin_view *view, const struct replay_form *form)
{
    struct inbox_filter *filter = &view->view.filter;
    if ((form->since[0] != '\0' &&
         wall_clock_parse(form->since, &filter->since_ms) != 0) ||
        (form->until[0] != '\0' &&
         wall_clock_parse(form->until, &filter->until_ms) != 0) ||
        (!form->is_of_letters &&
         (form->since[0] == '\0' || form->arrival != 0))) {
        return false;
    }
    snprintf(view->queue, sizeof view->queue, "%s", form->queue);
    filter->arrival = form->arrival;
    view->has_new_ids = form->has_new_ids;
    if (form->is_of_letters) {
        view->view.letter_cb = on_range;
    } else {
        view->view.first = &view->first;
        view->view.last = &view->last;
    }
    return true;
}

void admin_post_replay(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct replay_form form;
    if (read_form(request, &form, why, sizeof why) != 0) {
        admin_reply_error(request, 400, "%s", why);
        return;
    }
    struct admin_view *view = admin_view_new(request, form.outlet);
    if (view == NULL) {
        return;
    }
    if (!fill_view(view, &form)) {
        admin_view_free(view);
        admin_reply_error(request, 400,
                          "give since, a time such as 2026-11-29T08:00:00Z, "
                          "or dead_letters: true, perhaps with an arrival");
        return;
    }
    admin_view_start(view, start_replay);
}
