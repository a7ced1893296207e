#include "poller/event.h"

#include "base/alloc.h"
#include "base/reason.h"

uint64_t event_ms_until(uint64_t due_ms, uint64_t from_ms)
{
    return due_ms == HEAP_NEVER || due_ms < from_ms ? 0 : due_ms - from_ms;
}

void event_emit(struct haplo_queue *queue, enum haplo_queue_state from,
                int error, const char *text)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    if (poller->event_cb == NULL) {
        return;
    }
    const struct haplo_event event = {
        .now_ms = uv_now(poller->loop),
        .server = server_of(queue),
        .queue = queue,
        .from = (int)from,
        .to = (int)queue->core.state,
        .error = error,
        .text = text == NULL ? "" : text,
        .message_count =
            queue_has_batch(&queue->core) ? queue->core.batch_count : 0,
        .delay_ms = event_ms_until(queue->core.due_ms, uv_now(poller->loop)),
    };
    poller->event_cb(poller, &event);
}

static void on_queue_state(void *data, const struct queue *core,
                           enum haplo_queue_state from, int error)
{
    struct haplo_poller *poller = data;
    struct haplo_queue *queue = container_of(core, struct haplo_queue, core);
    poller->paused_count += core->state == HAPLO_QUEUE_PAUSED;
    poller->paused_count -= from == HAPLO_QUEUE_PAUSED;
    event_emit(queue, from, error,
               error == 0                  ? NULL
               : queue->error_text == NULL ? haplo_error_text(error)
                                           : queue->error_text);
}

/* A failure of one server may change others that are the same actual server:
 * then its text is theirs. */
static const char *failure_text(const struct haplo_poller *poller,
                                struct haplo_server *server, int error)
{
    const struct haplo_server *failing = poller->failing;
    if (error == 0) {
        return "";
    }
    if (failing == server) {
        return server->error_text.text;
    }
    const char *text =
        failing != NULL ? failing->error_text.text : haplo_error_text(error);
    if (server->core.error == error) {
        reason_set(&server->error_text, error, "%s", text);
    }
    return text;
}

static void on_server_state(void *data, const struct server *core,
                            enum haplo_server_state from, int error)
{
    struct haplo_poller *poller = data;
    struct haplo_server *server = container_of(core, struct haplo_server, core);
    const char *text = failure_text(poller, server, error);
    if (poller->event_cb == NULL) {
        return;
    }
    uint64_t due_ms = core->due_ms;
    if (from == core->state) {
        due_ms = core->logins_held ? core->group->expires_ms : HEAP_NEVER;
    }
    const struct haplo_event event = {
        .now_ms = uv_now(poller->loop),
        .server = server,
        .from = (int)from,
        .to = (int)core->state,
        .error = error,
        .text = text,
        .delay_ms = event_ms_until(due_ms, uv_now(poller->loop)),
    };
    poller->event_cb(poller, &event);
}

void event_explain(struct haplo_queue *queue, const char *verb, int error,
                   const char *detail)
{
    struct reason text;
    reason_set(
        &text, error, "%s %s/%s: %s", verb, server_of(queue)->name, queue->name,
        detail != NULL && detail[0] != '\0' ? detail : haplo_error_text(error));
    alloc_free(queue->error_text);
    queue->error_text = alloc_string(text.text);
}

void event_init(struct haplo_poller *poller)
{
    poller->scheduler.queue_trace_cb = on_queue_state;
    poller->scheduler.server_trace_cb = on_server_state;
    poller->scheduler.data = poller;
}
