/*
 * admin_view.c - reads an inbox on a thread.
 *
 *   - The options of the inbox are copied, since a reload may replace the
 *     configuration meanwhile.
 *   - The thread, which is started with the first view, opens the inbox next
 *     to the process that stores into it, as commands do.
 *   - On the loop, the request gets what was read.
 */
#include "daemon/admin/admin_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/command_hint.h"
#include "base/container_of.h"
#include "daemon/admin/admin_private.h"

/* A copy of the options of an inbox */

static bool is_text(const struct option_row *row)
{
    switch (row->value) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_PATH:
    case OPTION_FOLDER:
    case OPTION_FILE:
    case OPTION_PRIVATE_FILE:
        return true;
    default:
        return false;
    }
}

static char **text_at(void *options, const struct option_row *row)
{
    return (char **)(void *)((char *)options + row->offset);
}

static void options_free(const struct inbox_type *type, void *options)
{
    for (size_t i = 0; options != NULL && i < type->option_count; i++) {
        if (is_text(&type->options[i])) {
            free(*text_at(options, &type->options[i]));
        }
    }
    free(options);
}

/* NULL if memory runs out. */
static void *options_copy(const struct inbox_type *type, const void *options)
{
    bool is_failed = false;
    void *copy = malloc(type->options_size);
    if (copy == NULL) {
        return NULL;
    }
    memcpy(copy, options, type->options_size);
    for (size_t i = 0; i < type->option_count; i++) {
        if (is_text(&type->options[i])) {
            char **text = text_at(copy, &type->options[i]);
            const char *old = *text;
            *text = old == NULL ? NULL : strdup(old);
            is_failed |= old != NULL && *text == NULL;
        }
    }
    if (is_failed) {
        options_free(type, copy);
        return NULL;
    }
    return copy;
}

/* The thread */

static void on_thread_closed(void *data)
{
    struct admin_views *views = data;
    admin_port_closed(views->admin);
}

static void close_thread(struct admin_views *views)
{
    if (views->is_open) {
        worker_close(&views->worker, on_thread_closed, views);
    } else {
        admin_port_closed(views->admin);
    }
}

void admin_views_init(struct admin_views *views, struct admin *admin)
{
    *views = (struct admin_views){.admin = admin};
}

void admin_views_close(struct admin_views *views)
{
    views->is_closing = true;
    if (views->count == 0) {
        close_thread(views);
    }
}

/* One view */

void admin_view_free(struct admin_view *view)
{
    if (view != NULL) {
        options_free(view->type, view->options);
        json_writer_free(&view->json);
        free(view);
    }
}

static const struct config_inbox *inbox_of(const struct admin_request *request,
                                           const char *outlet)
{
    const struct gather_outlet *found =
        gather_find_outlet(request->admin->gather, outlet);
    return found == NULL ? NULL : found->config->inbox;
}

static void reply_no_outlet(struct admin_request *request, const char *outlet)
{
    char hint[COMMAND_HINT_SIZE];
    if (outlet == NULL) {
        admin_reply_error(request, 400, "name an outlet, with ?outlet=NAME");
    } else {
        admin_reply_error(request, 404, "there is no outlet %s: see `%s`",
                          outlet, command_hint(hint, "status", NULL));
    }
}

struct admin_view *admin_view_new(struct admin_request *request,
                                  const char *outlet)
{
    const struct config_inbox *inbox =
        outlet == NULL ? NULL : inbox_of(request, outlet);
    if (inbox == NULL) {
        reply_no_outlet(request, outlet);
        return NULL;
    }
    struct admin_view *view = calloc(1, sizeof *view);
    if (view != NULL) {
        view->views = &request->admin->views;
        view->request = request;
        view->type = inbox->type;
        view->options = options_copy(inbox->type, inbox->options);
        snprintf(view->outlet, sizeof view->outlet, "%s", outlet);
        view->view = (struct inbox_view){
            .filter = {.outlet = view->outlet,
                       .queue = view->queue,
                       .until_ms = INBOX_FILTER_NO_END},
            .data = view,
        };
    }
    if (view == NULL || view->options == NULL) {
        admin_view_free(view);
        admin_reply_error(request, 500, "out of memory");
        return NULL;
    }
    return view;
}

static void on_work(struct worker_job *job)
{
    struct admin_view *view = container_of(job, struct admin_view, job);
    view->error = inbox_view(view->type, view->options, &view->view, view->why,
                             sizeof view->why);
}

static void on_done(struct worker_job *job)
{
    struct admin_view *view = container_of(job, struct admin_view, job);
    struct admin_views *views = view->views;
    views->count--;
    if (view->error == 0) {
        view->done_cb(view);
    } else {
        admin_reply_error(view->request,
                          view->error == HAPLO_ENOTFOUND ? 404 : 503, "%s",
                          view->why);
    }
    admin_view_free(view);
    if (views->is_closing && views->count == 0) {
        close_thread(views);
    }
}

void admin_view_start(struct admin_view *view, admin_view_cb done_cb)
{
    struct admin_views *views = view->views;
    view->done_cb = done_cb;
    view->job.work_cb = on_work;
    view->job.done_cb = on_done;
    if (views->count == ADMIN_VIEW_COUNT_MAX) {
        admin_reply_error(view->request, 503,
                          "%d requests are waiting for an inbox: try again",
                          ADMIN_VIEW_COUNT_MAX);
        admin_view_free(view);
        return;
    }
    if (!views->is_open &&
        worker_open(&views->worker, views->admin->loop) != 0) {
        admin_reply_error(view->request, 500, "a thread cannot be started");
        admin_view_free(view);
        return;
    }
    views->is_open = true;
    views->count++;
    admin_wait(view->request);
    worker_submit(&views->worker, &view->job);
}
