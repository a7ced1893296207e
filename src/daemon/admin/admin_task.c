#include "daemon/admin/admin_task.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "daemon/admin/admin_private.h"
#include "daemon/task/task_run.h"

#define PULSE_MS 2000

/* Freed when both the work and the response have ended. */
struct task {
    struct admin_stream stream;     /* the response */
    uv_timer_t timer;               /* the pulse */
    bool is_pulse_due;              /* a line feed is to be sent */
    bool is_done;                   /* the work has ended */
    bool is_gone;                   /* the response has ended */
    enum exit_code code;            /* the result */
    char text[HAPLO_TEXT_SIZE_MAX]; /* likewise, one line */
};

static void on_timer_closed(uv_handle_t *handle)
{
    free(container_of(handle, struct task, timer));
}

static void release(struct task *task)
{
    if (task->is_done && task->is_gone) {
        uv_close((uv_handle_t *)&task->timer, on_timer_closed);
    }
}

static void on_stream_end(struct admin_stream *stream)
{
    struct task *task = container_of(stream, struct task, stream);
    task->is_gone = true;
    uv_timer_stop(&task->timer);
    release(task);
}

static void wake(struct task *task)
{
    if (!task->is_gone && task->stream.request != NULL) {
        admin_stream_wake(&task->stream);
    }
}

static void on_pulse(uv_timer_t *timer)
{
    struct task *task = container_of(timer, struct task, timer);
    task->is_pulse_due = true;
    wake(task);
}

static void on_done(enum exit_code code, const char *text, void *data)
{
    struct task *task = data;
    task->is_done = true;
    task->code = code;
    snprintf(task->text, sizeof task->text, "%s", text);
    wake(task);
    release(task);
}

static enum admin_more more(struct admin_stream *stream,
                            struct json_writer *out, uint64_t budget_ns)
{
    struct task *task = container_of(stream, struct task, stream);
    (void)budget_ns;
    if (task->is_done) {
        json_object(out, NULL);
        json_count(out, "exit_code", task->code);
        json_text(out, "message", task->text);
        json_object_end(out);
        json_end_line(out);
        return ADMIN_MORE_END;
    }
    if (task->is_pulse_due) {
        task->is_pulse_due = false;
        json_raw(out, "\n", 1);
    }
    return ADMIN_MORE_LATER;
}

void admin_post_task(struct admin_request *request)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct task_request work;
    if (task_request_read(&work, request->body, request->body_size, why,
                          sizeof why) != 0) {
        admin_reply_error(request, 400, "%s", why);
        return;
    }
    struct task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        admin_reply_error(request, 500, "out of memory");
        return;
    }
    task->stream.more_cb = more;
    task->stream.free_cb = on_stream_end;
    uv_timer_init(request->admin->loop, &task->timer); /* cannot fail */
    uv_timer_start(&task->timer, on_pulse, PULSE_MS, PULSE_MS);
    task_run(request->admin->gather, &work, on_done, task);
    admin_reply_stream(request, "application/json", &task->stream);
}
